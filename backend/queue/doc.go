// Package queue is the pure heart of chasqui: what a queue does, with nothing around it. Its main type is [Machine],
// the state of one slot: the partitions of queues that live in the slot, and the sessions that make retries harmless.
//
// A Machine has one door for writes, [Machine.Apply]: commands and a time go in, results come out. There is no clock,
// lock, goroutine, disk, network or randomness in this package, and the order of a Go map never shows. So every
// replica that applies the same commands in the same order holds the same state and gave the same answers, which is
// all that raft asks of a state machine. It also makes everything here testable by plain calls.
//
// A message is in one of three states, told apart by two numbers: the time at which it is (or was) visible, and
// how often it has been received.
//
//	           send                    receive
//	(nothing) ------> visible <------------------------> in flight ---> (deleted)
//	    |                ^        time passes, or the        |  delete
//	    | send with      |        timeout is set to 0        |
//	    | a delay        | time passes                       |
//	    +---------> delayed                                  |
//	                                                         v
//	retention, purge and drop remove a message in any state
//
// Timeouts are compared, never waited for: a command carries the time its leader stamped on it, and whatever had to
// happen to the partition by then happens first. Receiving is a write, for it sets a deadline and a count.
//
// Reading order: command.go and result.go (the language), machine.go (the door), session.go (why a retried command is
// answered and not repeated), partition.go (a partition's indexes and how time moves them; package sorted has their
// structure), then one file per
// command: configure.go, drop.go, delivery.go (what differs by delivery), send.go, dedup.go, receive.go, group.go (the
// FIFO rule), fair.go (whose turn it is on a standard queue), attempt.go, delete.go, visibility.go. redrive.go and transfer.go move messages between queues, and task.go
// does so on demand. reads.go answers questions between commands; snapshot.go and restore.go carry the state to another
// replica. The scripts in testdata show each rule at work.
package queue
