// Package wal is the journal: the one place of a host where raft entries, terms and votes become durable. All raft
// groups of a host write to one [Journal], so that one write and one sync carry everything that is waiting, whichever
// group it belongs to. Each group reaches its own log and hard state through a [Group].
//
//	Group.Append --+
//	Group.Append --+--> queue --> writer: one frame, one WriteAt, one Sync, then the index in memory --> answers
//	SetHardState --+                 |                                         ^
//	                                 | full                                    | Get: from the cache, or one verified read
//	                                 v                                         v
//	       [seg-7 oldest] [seg-8] [seg-9 current] [seg-10 spare, filled with zeros ahead of use]
//	          |  nothing live in it any more                     ^
//	          +--------------------------- recycled as seg-11 ---+
//
// # What it promises
//
// Append, SetHardState, TruncateAfter and Reset are durable when they return nil. CompactTo is durable with the next
// frame; until then a crash brings the removed entries back, which is harmless.
//
// A crash at any moment loses nothing that was acknowledged, and invents nothing. What a crash can leave is one torn
// frame at the end, because the writer never writes a frame before the one before it is synced. So recovery can tell
// a torn tail from damage: a frame that does not verify is cut only if no frame follows it and no watermark, segment
// seal or checkpoint says that it was durable. Everything else is a [CorruptionError], and Open does not cut what it
// cannot prove to be unacknowledged (PAR, FAST 2018; NATS #7549 and raft-wal lost data by cutting).
//
// A failed write or sync is final (fsyncgate; USENIX ATC 2020): the journal is poisoned and the host is ended. A write
// that hangs ends the host too, and so does an entry that cannot be read back. A full disk is neither: the spare segment
// is made ahead, so the disk is found full while there is nothing to lose, and calls get node.ErrDiskFull until there is
// room. Each segment has a reserve for what makes room, compactions, and for some hard states, so that replicas take
// part in elections meanwhile.
//
// # Where to read on
//
// frame.go and segment.go draw the format; index.go is the state machine that both the writer and recovery feed;
// writer.go, build.go and roll.go are the writer; allocate.go makes segments; recover.go opens a journal.
package wal
