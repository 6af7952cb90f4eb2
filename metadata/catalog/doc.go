// Package catalog is the metadata service's state machine: which queues exist with which attributes, in which slots
// their partitions live, which backend hosts are known, and which hosts hold each slot.
//
// It is pure: no clock, lock, goroutine, I/O or randomness. [Catalog.Apply] takes encoded [Command] values with the
// replicated time and returns one [Result] for each; the same commands give the same state and the same results on
// every host. Package metadata wraps it: it replicates the commands with raft, answers clients, and holds the lock.
//
// Three rules make retries and caches safe:
//   - A command with a request id takes effect once. Its result is remembered for ten minutes of replicated time, so a
//     retry after an unknown outcome gets the first attempt's answer.
//   - Records are immutable. A change puts another record in the place of the old one, so a *Queue once obtained may be
//     read without a lock for ever, and a snapshot is a constant-time clone of the trees.
//   - Versions come from one counter for the whole catalog and grow with every change, across deletion and creation of
//     queues with the same name too. Of two records of a name, the one with the larger version is the later one.
//
// Read catalog.go first, then queues.go (the rules of SQS), deletion.go (what can be undone), placement.go and cluster.go; snapshot.go draws the format.
package catalog
