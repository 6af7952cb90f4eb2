package replication

import (
	"fmt"
	"time"
)

// Member is one host of a group. The set is the same on every host of the group.
type Member struct {
	// ID is the host's name, unique in the cluster and fixed for its life.
	ID string
	// Address is where the host answers RPCs; it may change, and is used when Node's resolver does not know the host.
	Address string
}

// Config describes one replica of one group.
type Config struct {
	// GroupID tells the groups of a process apart on the wire and in the journal.
	GroupID uint32
	// Name is used in logs, for example "slot-3".
	Name string
	// HostID is this host's Member.ID.
	HostID string
	// Members are the hosts of the group when it is first formed, this one included. 1 to 7.
	Members []Member
	// Preferred makes this host lead the group after a cold start of the whole cluster, so that leaders are spread:
	// the others wait three times as long before their first campaign.
	Preferred bool
	// Rejoin says that this host lost its disk with all it knew of the group. It asks the other members for what it must
	// not contradict before it takes part (rejoin.go), instead of forming the group. Start answers ErrMayNotRejoin if
	// the host holds something of the group. A replica that was stopped before it had caught up goes on rejoining
	// whatever is set here.
	Rejoin bool

	// HeartbeatTimeout is how long a follower waits without word from a leader before it campaigns (up to twice
	// this, at random). Default 500 ms: the median gap after a leader's death stays near a second, and an fsync of
	// some hundred milliseconds on a busy disk does not cost the leadership.
	HeartbeatTimeout time.Duration
	// CommitTimeout bounds how long a follower waits to hear of the last commit when no more writes come. Nothing
	// waits for it, and every tick costs an RPC per follower. Default 500 ms.
	CommitTimeout time.Duration
	// AppendTimeout bounds one AppendEntries RPC that carries entries. It is longer than the journal's write
	// deadline, so that a slow disk is judged by its own host. Default 5 s.
	AppendTimeout time.Duration

	// BatchBytesMax and BatchOperationsMax close a batch. A small bound makes the waiting line longer, not shorter
	// (throughput is bound / round time). Defaults 1 MiB and 4096.
	BatchBytesMax      int
	BatchOperationsMax int
	// Linger is the longest wait for the callers of the previous batch to come back; a lone caller never waits, and
	// nobody waits longer than the previous batch took. Default 2 ms.
	Linger time.Duration
	// PendingBytesMax bounds the operations waiting for their batch; beyond it Submit answers ErrOverloaded.
	// Default 64 MiB.
	PendingBytesMax int

	// SnapshotBytes is how much log may follow the newest snapshot before the next one is taken; while the state is
	// larger than this, the state's size is used, so that snapshots at most double the bytes written. Default 256 MiB.
	SnapshotBytes int64
	// SnapshotEntries is a bound in entries, whatever their size: each takes some bytes of memory and of a restart's time.
	// Small ones are no reason to write a large state again and again. Default 1,048,576.
	SnapshotEntries uint64
	// TrailingBytes of log are kept behind a snapshot so that a follower that was away for a moment catches up from
	// the log. Too little makes a follower need snapshot after snapshot (hashicorp/raft #86). Default 32 MiB.
	TrailingBytes int64
	// CheckInterval is how often the need for a snapshot and the replica's health are looked at. Default 1 s.
	CheckInterval time.Duration
	// DigestInterval is how often the leader asks all replicas for a digest of their state (digest.go), at the next
	// CheckInterval. Each costs a log entry, and on every host a read of the whole state beside its work. Default 10
	// min; 0 is never.
	DigestInterval time.Duration

	// Audit, if not nil, is told of each entry with operations after it was applied here: its place in the log, the replicated
	// time, and what the state machine answered. It is called between two Applies, so it must be quick, and must keep neither
	// slice. Default nil.
	Audit func(index uint64, nowMs int64, operations [][]byte, results []any)
}

// DefaultConfig returns the defaults; GroupID, Name, HostID and Members remain to be set.
func DefaultConfig() Config {
	return Config{
		HeartbeatTimeout:   500 * time.Millisecond,
		CommitTimeout:      500 * time.Millisecond,
		AppendTimeout:      5 * time.Second,
		BatchBytesMax:      1 << 20,
		BatchOperationsMax: 4096,
		Linger:             2 * time.Millisecond,
		PendingBytesMax:    64 << 20,
		SnapshotBytes:      256 << 20,
		SnapshotEntries:    1 << 20,
		TrailingBytes:      32 << 20,
		CheckInterval:      time.Second,
		DigestInterval:     10 * time.Minute,
	}
}

// membersMax bounds a group: more members make every commit slower and no group safer in practice.
const membersMax = 7

// Validate reports the first setting that cannot work.
func (c Config) Validate() error {
	if c.HostID == "" || c.Name == "" {
		return fmt.Errorf("replication config: host id %q and name %q must not be empty", c.HostID, c.Name)
	}
	if len(c.Members) < 1 || len(c.Members) > membersMax {
		return fmt.Errorf("group %s: %d members, must be 1 to %d", c.Name, len(c.Members), membersMax)
	}
	seen := make(map[string]bool, len(c.Members))
	for _, m := range c.Members {
		if m.ID == "" || seen[m.ID] {
			return fmt.Errorf("group %s: member id %q is empty or given twice", c.Name, m.ID)
		}
		seen[m.ID] = true
	}
	if !seen[c.HostID] {
		return fmt.Errorf("group %s: this host, %s, is not among its members", c.Name, c.HostID)
	}
	for _, limit := range []struct {
		name string
		ok   bool
	}{
		{"HeartbeatTimeout", c.HeartbeatTimeout >= 5*time.Millisecond},
		{"CommitTimeout", c.CommitTimeout >= time.Millisecond},
		{"AppendTimeout", c.AppendTimeout > 0},
		{"BatchBytesMax", c.BatchBytesMax > 0},
		{"BatchOperationsMax", c.BatchOperationsMax > 0},
		{"Linger", c.Linger >= 0},
		{"PendingBytesMax", c.PendingBytesMax >= c.BatchBytesMax},
		{"SnapshotBytes", c.SnapshotBytes > 0},
		{"SnapshotEntries", c.SnapshotEntries > 0},
		{"TrailingBytes", c.TrailingBytes >= 0},
		{"CheckInterval", c.CheckInterval > 0},
		{"DigestInterval", c.DigestInterval >= 0},
	} {
		if !limit.ok {
			return fmt.Errorf("group %s: setting %s is out of range", c.Name, limit.name)
		}
	}
	return nil
}
