package replication

import (
	"fmt"

	"github.com/hashicorp/raft"

	"chasqui/node/wal"
)

// raft's leader writes an entry to its own disk, and only then sends it to the followers, which write it to theirs: an
// entry takes two syncs, one after the other. The gate makes them one, without a change to raft: StoreLogs hands
// entries to the journal and returns, and what waits for the disk is every acknowledgement of entries,
//
//   - on the follower, before its answer to an append leaves the host, until all that its log held when raft gave the
//     answer is durable (Node.handleAppend), and
//   - on the leader, before raft sees a follower's acknowledgement, until all that the leader's own log held when it sent
//     the append is durable (transport.AppendEntries).
//
// raft counts its own entry as stored at once. That is harmless where a majority needs at least one other host, for
// no acknowledgement of another host is counted before the leader's own copy is durable: whatever is committed is
// durable on a majority. A group of one host is not gated.
//
// An acknowledgement says more than "stored": that the follower will not vote for anybody who lacks the entry. It does
// not, as long as the process lives, for raft compares candidates with the log as it believes it to be, durable or not. If
// it dies first, the acknowledgement was never sent. An acknowledgement that was given, and overtaken by a new leader who
// replaced the entry while the gate held it back, is sent with its old term to a leader that was deposed; it counts for
// nothing, for the new leader was elected by a majority without that entry, so that it could not have been committed with it
// either.
//
// Terms and votes are durable before raft goes on, as ever. What else must not run ahead of the log waits as well: a
// snapshot, which would leave a gap behind the log (snapshotStore.Create), and the end of a rejoin, which vouches for
// what the log holds (rejoin.go). A heartbeat acknowledges no entries and waits for nothing.
//
// A disk that hangs blocks no call of raft's any more, so it is the journal's watchdog alone that ends such a host
// (wal.Config.WriteDeadline).

// acknowledges tells whether a follower's answer says that it has stored entries.
func acknowledges(req *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) bool {
	return resp.Success && len(req.Entries) > 0
}

// waitDurable waits for an append and all before it; nil is durable.
func waitDurable(newest *wal.Pending) error {
	if newest == nil {
		return nil
	}
	if err := newest.Wait(); err != nil {
		return fmt.Errorf("entries that were acknowledged are not stored: %w", err)
	}
	return nil
}
