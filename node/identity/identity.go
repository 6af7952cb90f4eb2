// Package identity marks a data folder with the host it belongs to, so that no process ever takes another's data for
// its own.
//
// A replica's promises (its votes, the entries it acknowledged) live in its data folder. A process that starts on the
// folder of another host, or on an empty one under a name that has promised things before, would break them. So every
// data folder carries a file named "identity" with the role and id of its host and an incarnation: random bytes drawn
// when the folder was first used. Other hosts remember the incarnation and refuse a host that returns with another.
//
// The main function is [Claim]: it locks the folder, checks that there is room, and reads the identity, or writes one
// into an empty folder. The file is one line of JSON, meant to be read by people too:
//
//	{"format":1,"role":"backend","id":"backend-2","incarnation":"9f0c…32 hex digits","crc32c":"1a2b3c4d"}
//
// crc32c is the CRC-32C (Castagnoli) of "chasqui identity 1 backend backend-2 9f0c…", the other values with single
// spaces between them, in 8 hex digits.
package identity

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"chasqui/node"
)

const (
	fileName      = "identity"
	temporaryName = "identity.tmp"
	lockName      = "lock"
	// format is the version of the file's format.
	format = 1
	// sizeMax bounds the file: role and id have at most partMax bytes each.
	sizeMax = 4096
	// partMax bounds a role's and an id's length in bytes.
	partMax = 255
	// incarnationBytes is enough for two folders never to draw the same.
	incarnationBytes = 16
)

// ignored are names that a folder without an identity may hold: what file systems put there and what an earlier,
// interrupted Claim left.
var ignored = []string{lockName, temporaryName, "lost+found"}

// Errors of Claim besides those of node.Disk (node.ErrLocked, node.ErrDiskFull, fs.ErrPermission).
var (
	// ErrNoIdentity means the folder holds files but does not say whose they are.
	ErrNoIdentity = errors.New("data folder holds files but no identity")
	// ErrCorrupt means the identity file is damaged.
	ErrCorrupt = errors.New("identity file is damaged")
)

// ForeignError says that a data folder belongs to another host.
type ForeignError struct {
	// Owner is whose folder it is; WantRole and WantID are the host that tried to use it.
	Owner    Identity
	WantRole string
	WantID   string
}

// Error names both hosts.
func (e *ForeignError) Error() string {
	return fmt.Sprintf("data folder belongs to %s %q, not to %s %q", e.Owner.Role, e.Owner.ID, e.WantRole, e.WantID)
}

// Identity says whose a data folder is.
type Identity struct {
	// Role is the kind of host, for example "backend"; it has no spaces.
	Role string
	// ID is the host's id, for example "backend-2"; it has no spaces.
	ID string
	// Incarnation is 32 hex digits drawn at random when the folder was first used.
	Incarnation string
}

// Number returns the first 8 bytes of the incarnation, big-endian, for wire formats that carry a number.
func (i Identity) Number() (uint64, error) {
	if len(i.Incarnation) != 2*incarnationBytes {
		return 0, fmt.Errorf("incarnation %q has %d digits, want %d", i.Incarnation, len(i.Incarnation), 2*incarnationBytes)
	}
	number, err := strconv.ParseUint(i.Incarnation[:16], 16, 64)
	if err != nil {
		return 0, fmt.Errorf("incarnation %q: %w", i.Incarnation, err)
	}
	return number, nil
}

// Folder is a data folder that this process owns.
type Folder struct {
	Identity
	lock io.Closer
}

// Close gives the folder's lock back.
func (f *Folder) Close() error { return f.lock.Close() }

// Claim takes the host's data folder for the given role and id. An empty folder becomes theirs: its identity is on
// disk, file and name synced, when Claim returns. spaceBytes is the room the caller needs to start; less free space is
// node.ErrDiskFull. The other errors are *ForeignError, ErrNoIdentity, ErrCorrupt, and node.ErrLocked while another
// process uses the folder. The lock is held until Close.
func Claim(host node.Host, role, id string, spaceBytes int64) (*Folder, error) {
	if err := validate(role, id); err != nil {
		return nil, err
	}
	lock, err := host.Disk.Lock(lockName)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	folder, err := claimLocked(host, role, id, spaceBytes)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	folder.lock = lock
	return folder, nil
}

func validate(role, id string) error {
	for _, part := range []string{role, id} {
		if part == "" || len(part) > partMax || strings.ContainsFunc(part, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
			return fmt.Errorf("role %q, id %q: each must have 1 to %d bytes and no space", role, id, partMax)
		}
	}
	return nil
}

func claimLocked(host node.Host, role, id string, spaceBytes int64) (*Folder, error) {
	free, err := host.Disk.Free()
	if err != nil {
		return nil, fmt.Errorf("measure free space: %w", err)
	}
	if free < spaceBytes {
		return nil, fmt.Errorf("%w: %d bytes are free, %d are needed to start", node.ErrDiskFull, free, spaceBytes)
	}
	found, err := read(host.Disk)
	if errors.Is(err, fs.ErrNotExist) {
		found, err = create(host, role, id)
	}
	if err != nil {
		return nil, err
	}
	if found.Role != role || found.ID != id {
		return nil, &ForeignError{Owner: found, WantRole: role, WantID: id}
	}
	return &Folder{Identity: found}, nil
}

// document is the file's content.
type document struct {
	Format      int    `json:"format"`
	Role        string `json:"role"`
	ID          string `json:"id"`
	Incarnation string `json:"incarnation"`
	CRC32C      string `json:"crc32c"`
}

func (d document) checksum() string {
	text := fmt.Sprintf("chasqui identity %d %s %s %s", d.Format, d.Role, d.ID, d.Incarnation)
	return fmt.Sprintf("%08x", crc32.Checksum([]byte(text), crc32.MakeTable(crc32.Castagnoli)))
}

// read returns the folder's identity; fs.ErrNotExist if it has none.
func read(disk node.Disk) (_ Identity, err error) {
	file, err := disk.Open(fileName)
	if err != nil {
		return Identity{}, fmt.Errorf("open identity: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	size, err := file.Size()
	if err != nil {
		return Identity{}, fmt.Errorf("read identity: %w", err)
	}
	if size > sizeMax {
		return Identity{}, fmt.Errorf("%w: it has %d bytes, at most %d are possible", ErrCorrupt, size, sizeMax)
	}
	content := make([]byte, size)
	if _, err := file.ReadAt(content, 0); err != nil && !errors.Is(err, io.EOF) {
		return Identity{}, fmt.Errorf("read identity: %w", err)
	}
	return parse(content)
}

func parse(content []byte) (Identity, error) {
	var d document
	if err := json.Unmarshal(content, &d); err != nil {
		return Identity{}, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if sum := d.checksum(); sum != d.CRC32C {
		return Identity{}, fmt.Errorf("%w: checksum is %q, the content's is %q", ErrCorrupt, d.CRC32C, sum)
	}
	if d.Format != format {
		return Identity{}, fmt.Errorf("identity has format %d: this version of chasqui knows format %d", d.Format, format)
	}
	return Identity{Role: d.Role, ID: d.ID, Incarnation: d.Incarnation}, nil
}

// create writes the identity of an empty folder. The name appears only after the content is on disk, so a crash
// leaves either no identity or a whole one.
func create(host node.Host, role, id string) (Identity, error) {
	names, err := host.Disk.List(".")
	if err != nil {
		return Identity{}, fmt.Errorf("list the data folder: %w", err)
	}
	for _, name := range names {
		if !slices.Contains(ignored, name) {
			return Identity{}, fmt.Errorf("%w: it holds %q; give an empty folder, or restore its identity", ErrNoIdentity, name)
		}
	}
	incarnation := make([]byte, incarnationBytes)
	if _, err := host.Random.Read(incarnation); err != nil {
		return Identity{}, fmt.Errorf("draw incarnation: %w", err)
	}
	d := document{Format: format, Role: role, ID: id, Incarnation: hex.EncodeToString(incarnation)}
	d.CRC32C = d.checksum()
	content, err := json.Marshal(d)
	if err != nil {
		return Identity{}, fmt.Errorf("encode identity: %w", err)
	}
	if err := WriteFile(host.Disk, fileName, append(content, '\n')); err != nil {
		return Identity{}, fmt.Errorf("write identity: %w", err)
	}
	return Identity{Role: role, ID: id, Incarnation: d.Incarnation}, nil
}
