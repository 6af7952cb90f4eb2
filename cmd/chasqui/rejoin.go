package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"chasqui/node"
	"chasqui/node/identity"
)

// rejoinName is a file in the data folder of a host that replaces one whose data is lost. It is there before anything
// else but the folder's identity, and stays for ever: every raft group of which such a folder holds nothing is one of
// which the host has forgotten something. Its content is when it was made, in ms since 1970, as decimal digits.
const rejoinName = "rejoin"

// rejoinBytesMax bounds the file: the digits of a 64-bit number and a line end.
const rejoinBytesMax = 20

// rejoins returns when the data folder was made to replace a lost one, 0 if it was not. With --rejoin an empty folder
// becomes such a one. A folder whose journal was taken away is refused. It must be called before the journal is opened.
func (f *replicaFlags) rejoins(p *process) (ms int64, err error) {
	ms, err = readRejoin(p.host.Disk)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return ms, err
	}
	names, err := p.host.Disk.List(".")
	if err != nil {
		return 0, fmt.Errorf("list the data folder: %w", err)
	}
	if slices.Contains(names, snapshotsDir) && !slices.Contains(names, journalDir) {
		return 0, fmt.Errorf("the data folder holds %q but no %q, in which this host's promises were: "+
			"restore it, or move the whole folder away and start with --rejoin", snapshotsDir, journalDir)
	}
	if !f.Rejoin {
		return 0, nil
	}
	for _, name := range []string{journalDir, snapshotsDir} {
		if slices.Contains(names, name) {
			return 0, fmt.Errorf("--rejoin is for a host that lost its data, and the data folder holds %q: "+
				"start without --rejoin, or move the folder away if it is damaged or the host was refused with it", name)
		}
	}
	ms = p.host.Clock.Now().UnixMilli()
	if err := identity.WriteFile(p.host.Disk, rejoinName, fmt.Appendf(nil, "%d\n", ms)); err != nil {
		return 0, fmt.Errorf("write %s: %w", rejoinName, err)
	}
	return ms, nil
}

// readRejoin returns the number in the file; fs.ErrNotExist if there is none.
func readRejoin(disk node.Disk) (ms int64, err error) {
	file, err := disk.Open(rejoinName)
	if err != nil {
		return 0, fmt.Errorf("open %s: %w", rejoinName, err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	content := make([]byte, rejoinBytesMax)
	n, err := file.ReadAt(content, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, fmt.Errorf("read %s: %w", rejoinName, err)
	}
	ms, err = strconv.ParseInt(strings.TrimSpace(string(content[:n])), 10, 64)
	if err != nil || ms <= 0 {
		return 0, fmt.Errorf("%s holds %q, want a time in ms: the data folder is damaged", rejoinName, content[:n])
	}
	return ms, nil
}
