package replication

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"path"

	"github.com/pingcap/failpoint"

	"chasqui/node/identity"
)

// The mark of a replica that rejoins its group is the file "rejoin" beside the group's snapshots. Integers are
// little-endian.
//
//	+------------------+---------+------------+-------+--------------------------+
//	| magic "chqrjoin" | version | heard term | index | crc32c of all before it  |
//	| 8 bytes          | 1 byte  | 8          | 8     | 4                        |
//	+------------------+---------+------------+-------+--------------------------+
const (
	rejoinFile    = "rejoin"
	rejoinMagic   = "chqrjoin"
	rejoinVersion = 1
	rejoinBytes   = len(rejoinMagic) + 1 + 8 + 8 + 4
)

// errMark means that the file is damaged. The replica must not start: it does not know when it may vote.
var errMark = errors.New("mark of a rejoining replica does not verify")

func (r *Replica) markName() string { return path.Join(r.snapshots.dir, rejoinFile) }

// storeMark is durable on return.
func (r *Replica) storeMark(mark rejoinMark) error {
	e := encoder{b: append([]byte(rejoinMagic), rejoinVersion)}
	e.u64(mark.heardTerm)
	e.u64(mark.index)
	e.u32(crc32.Checksum(e.b, castagnoli))
	failpoint.Inject("replication/beforeRejoinMark", nil)
	return identity.WriteFile(r.node.host.Disk, r.markName(), e.b)
}

// loadMark returns the mark if the replica has one.
func (r *Replica) loadMark() (mark rejoinMark, found bool, err error) {
	file, err := r.node.host.Disk.Open(r.markName())
	if errors.Is(err, fs.ErrNotExist) {
		return mark, false, nil
	}
	if err != nil {
		return mark, false, fmt.Errorf("open %s: %w", r.markName(), err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	var b [rejoinBytes]byte
	if size, err := file.Size(); err != nil || size != int64(len(b)) {
		return mark, false, fmt.Errorf("%s has %d bytes, want %d: %w", r.markName(), size, len(b), errors.Join(errMark, err))
	}
	if _, err := file.ReadAt(b[:], 0); err != nil {
		return mark, false, fmt.Errorf("read %s: %w", r.markName(), err)
	}
	d := decoder{b: b[len(rejoinMagic)+1:]}
	mark.heardTerm, mark.index = d.u64(), d.u64()
	if string(b[:len(rejoinMagic)]) != rejoinMagic || b[len(rejoinMagic)] != rejoinVersion ||
		binary.LittleEndian.Uint32(b[rejoinBytes-4:]) != crc32.Checksum(b[:rejoinBytes-4], castagnoli) {
		return mark, false, fmt.Errorf("read %s: %w", r.markName(), errMark)
	}
	return mark, true, nil
}

// removeMark is durable on return.
func (r *Replica) removeMark() error {
	failpoint.Inject("replication/beforeRejoinMarkRemoval", nil)
	if err := r.node.host.Disk.Remove(r.markName()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return r.node.host.Disk.SyncDir(r.snapshots.dir)
}
