// Package replication keeps a deterministic state machine identical on several hosts. It is a shell around
// hashicorp/raft, written once and used both for a backend slot and for the metadata catalog.
//
// A [Node] is one process's share: it owns the transport and the journal that all its groups use. [Node.Start] makes
// a [Replica] of one raft group. [Replica.Submit] hands it an operation; many operations become one log entry
// (batch.go explains when a batch is closed); the entry is stored in the journal, replicated, committed, and applied
// to the [StateMachine] of every host. The submitter on the leader gets its operation's result.
//
// What is promised: a nil error from Submit means that the operation is on the disks of a majority and applied on
// this host. ErrNotLeader, ErrOverloaded and ErrExpired mean that it was certainly not proposed. Any other error is
// ErrUnknownOutcome: it may take effect later, so only an operation with an id that the state machine remembers may
// be sent again.
//
// Replicas verify one another: see digest.go.
//
// hashicorp/raft is used with care (DESIGN.md, "Traps of hashicorp/raft"); each trap is named where it is avoided:
// transport.go (heartbeat fast path, pre-vote, pipelining, leadership transfer), stores.go (vote in one record,
// monotonic log, snapshots cover the compacted log), restart.go (stale log after a snapshot was installed),
// batch.go (meaning of Apply's errors), replica.go (NotifyCh, reads).
package replication
