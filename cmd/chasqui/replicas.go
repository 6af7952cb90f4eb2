package main

import (
	"errors"
	"fmt"
	"time"

	"chasqui/node/replication"
	"chasqui/node/wal"
)

const (
	// journalDir and snapshotsDir are folders in a replica host's data folder.
	journalDir   = "journal"
	snapshotsDir = "snapshots"
	// spaceReserve is what a host needs on top of its first journal segments: identity, snapshots, room to begin.
	spaceReserve = 16 << 20
)

// replicaFlags are the flags that metadata hosts and backend hosts have in common.
type replicaFlags struct {
	Heartbeat      time.Duration `help:"Silence of a leader after which others campaign." default:"500ms"`
	DigestInterval time.Duration `help:"Time between comparisons of the replicas' states; 0 for none." default:"10m"`
	Rejoin         bool          `help:"Start on an empty data folder in place of one that is lost. End the old process first."`
	SegmentBytes   int64         `help:"Size of one journal segment, a multiple of 4096." default:"67108864"`
	// What these two trade is disk space and start-up time against the work of writing snapshots.
	SnapshotEntries uint64 `help:"Log entries behind the newest snapshot after which the next one is taken." default:"65536"`
	TrailingBytes   int64  `help:"Bytes of log kept behind a snapshot, for replicas that were away for a moment." default:"33554432"`
}

// heartbeatMin is the least that package replication takes.
const heartbeatMin = 5 * time.Millisecond

// Validate is called with the command line. A backend host would notice only when it is given slots.
func (f *replicaFlags) Validate() error {
	if f.Heartbeat < heartbeatMin {
		return fmt.Errorf("--heartbeat %s: at least %s is possible", f.Heartbeat, heartbeatMin)
	}
	if f.DigestInterval < 0 {
		return fmt.Errorf("--digest-interval %s: it must not be negative", f.DigestInterval)
	}
	if f.SnapshotEntries == 0 {
		return fmt.Errorf("--snapshot-entries 0: at least 1 is possible")
	}
	if f.TrailingBytes < 0 {
		return fmt.Errorf("--trailing-bytes %d: it must not be negative", f.TrailingBytes)
	}
	return nil
}

// journalConfig returns the journal's configuration.
func (f *replicaFlags) journalConfig() wal.Config {
	cfg := wal.DefaultConfig()
	cfg.SegmentBytes = f.SegmentBytes
	return cfg
}

// spaceBytes is the room that a host needs to start: the segment being written, the spares, and spaceReserve.
func (f *replicaFlags) spaceBytes() int64 {
	cfg := f.journalConfig()
	return int64(1+cfg.SpareSegments)*cfg.SegmentBytes + spaceReserve
}

// group returns the replication settings that the flags change.
func (f *replicaFlags) group() replication.Config {
	cfg := replication.DefaultConfig()
	cfg.HeartbeatTimeout, cfg.DigestInterval = f.Heartbeat, f.DigestInterval
	cfg.SnapshotEntries, cfg.TrailingBytes = f.SnapshotEntries, f.TrailingBytes
	// A batch becomes one entry of the journal, which takes at most half a segment.
	cfg.BatchBytesMax = min(cfg.BatchBytesMax, int(f.SegmentBytes/4))
	return cfg
}

// openReplicas opens the journal and the node for the raft groups of a process.
func openReplicas(p *process, cfg wal.Config, resolve func(hostID string) (address string, ok bool)) (*replication.Node, error) {
	journal, err := wal.Open(p.host, journalDir, cfg)
	var corruption *wal.CorruptionError
	if errors.As(err, &corruption) {
		return nil, fmt.Errorf("%w. The other hosts have what this one acknowledged: move the whole data folder away and "+
			"start this host on an empty one with --rejoin", err)
	}
	if err != nil {
		return nil, fmt.Errorf("open the journal: %w", err)
	}
	p.atStop(func() { p.close("journal", journal.Close) })
	replicas := replication.NewNode(p.host, p.server, p.client, journal, snapshotsDir, resolve)
	p.atStop(replicas.Close)
	return replicas, nil
}
