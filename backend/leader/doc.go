// Package leader serves one slot of a backend cluster by leader and followers (option A of DESIGN.md): the host that
// raft has elected takes every request for the slot's partitions, and the others copy it.
//
// [Slot] is the shell around the pure state machine of package backend/queue. It owns a replica of the slot's raft
// group and does what the state machine must not: waiting. Commands go into the log by way of
// replication.Replica.Submit; a long poll waits in waits.go, outside the log, until the state says that a receive
// would find something. Every host of the slot runs the same Slot; only the leader's is asked.
//
// Reading order: slot.go (commands), waits.go (long polls), redrive.go (messages that move to other queues).
package leader
