// Package backend stores and delivers messages. A backend host holds replicas of slots (package backend/leader); a
// queue's partitions are placed in slots by the metadata service.
//
// [Server] answers the internal RPCs of one host: execute a command, wait until something is receivable, count. It
// starts the slots that the topology gives to its host. [Client] is used by frontends: [Client.Do] carries a command
// to the leader of its slot, across failovers, so that it takes effect once or reports that nobody knows. [Redriver] is a
// client too: with it the leader of a slot brings messages to the queues that they move to.
//
// The pure state machine is in backend/queue; read its doc.go first.
package backend
