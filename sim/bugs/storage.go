package bugs

import "slices"

// Failpoints is an aid that every program for the simulator is built with. It is off unless the environment of the program
// has GO_FAILPOINTS.
const Failpoints = "failpoints"

// failpointNames are the failpoints of the journal, without their package.
var failpointNames = []string{"beforeNewSegment", "beforeWrite", "afterWrite", "beforeSync", "afterSync"}

// failpoints makes the marked places of the journal do what the environment says. It is what failpoint-ctl makes of them,
// for markers without a function.
func failpoints() Bug {
	aid := Bug{
		Name: Failpoints, Aid: true,
		Says: "No bug: programs end or sleep at the failpoints of the journal as the environment says.",
	}
	for _, name := range failpointNames {
		file := "node/wal/writer.go"
		if name == "beforeNewSegment" {
			file = "node/wal/roll.go"
		}
		aid.Edits = append(aid.Edits, Edit{
			File: file, Old: "failpoint.Inject(\"wal/" + name + "\", nil)", New: "_, _ = failpoint.Eval(\"chasqui/node/wal/wal/" + name + "\")",
		})
	}
	return aid
}

// storage returns the bugs of the journal and of snapshots.
func storage() []Bug {
	return []Bug{
		failpoints(),
		{
			Name: "acknowledge-before-fsync",
			Says: "The journal answers before its sync: each frame is made durable only by the sync that belongs to the next one, " +
				"or after 50 ms of silence. Messages that were acknowledged just before a power cut are gone.",
			Edits: []Edit{{
				File: "node/wal/writer.go",
				Old:  "	if err := w.write(s, bytes, end); err != nil {\n",
				New:  "	if err := w.sync(s); err != nil { // of the frame before\n",
			}, {
				File: "node/wal/writer.go",
				Old:  "	if err := w.sync(s); err != nil {\n		return err\n	}\n	w.current, w.end =",
				New:  "	if err := w.write(s, bytes, end); err != nil {\n		return err\n	}\n	w.current, w.end =",
			}},
			Needs: powerCuts,
			Rule:  "lost",
			Also:  []string{"drains", "equal-state", "one-leader-per-term", "deleted-returns", "deleted-returns-fifo", "unexpected-exit"},
		},
		{
			Name: "no-store-deadline",
			Says: "The journal's watchdog complains of a hung disk and does nothing. A leader whose disk hangs goes on sending " +
				"heartbeats, so nobody takes over: its slots stand still for as long as the disk does.",
			Edits: []Edit{{
				File: "node/wal/watchdog.go",
				Old:  "\t\t\t\tj.poison(err)\n\t\t\t\treturn\n",
				New:  "\t\t\t\tj.host.Log.Warn(\"the journal waits for its disk\", \"error\", err)\n",
			}},
			Needs:    []string{"hung-disk"},
			Scenario: "hung-disk",
			Rule:     "drains",
			Also:     []string{"sends-again"},
		},
		{
			Name: "corruption-cut-off-as-a-torn-tail",
			Says: "Recovery takes any damage in the newest segment for a write that a crash interrupted, and cuts the journal off " +
				"there. One flipped bit silently removes all that the host acknowledged and voted after it.",
			Edits: []Edit{{
				File: "node/wal/replay.go",
				Old:  "\t\t\treturn r.tail(f, bad)\n",
				New:  "\t\t\treturn nil\n",
			}},
			Needs:    []string{"bit-rot", "misdirected-write"},
			Scenario: "rotten-and-away",
			Rule:     "lost",
			Also:     []string{"drains", "equal-state", "one-leader-per-term", "deleted-returns", "journal-verifies", "unexpected-exit"},
		},
		{
			Name: "segment-name-not-synced",
			Says: "The folder is not synced after a segment was made in it. After a power cut a whole segment is missing, with " +
				"everything that was acknowledged in it.",
			Edits: []Edit{{
				File: "node/wal/allocate.go",
				Old: `		if err := s.file.Sync(); err != nil {
			return err
		}
		return a.journal.host.Disk.SyncDir(a.journal.dir)
`,
				New: `		return s.file.Sync()
`,
			}},
			Needs: powerCuts,
			Rule:  "lost",
			Also:  []string{"drains", "equal-state", "one-leader-per-term", "unexpected-exit"},
		},
		{
			Name: "snapshot-not-synced",
			Says: "A snapshot counts although it was never synced, and the log behind it is thrown away. After a power cut the " +
				"host has neither and does not start.",
			Edits: []Edit{{
				File: "node/replication/snapshot.go",
				Old: `	if err := k.file.Sync(); err != nil {
		return fmt.Errorf("sync snapshot %s: %w", k.id, err)
	}
`,
				New: ``,
			}},
			Needs: powerCuts,
			Rule:  "unexpected-exit",
			Also:  []string{"lost", "drains"},
		},
		{
			Name: "watermark-ahead-of-the-sync",
			Says: "The journal notes a durable end beyond what it has written. After a restart it takes the missing rest for damage, and the " +
				"host does not start.",
			Edits: []Edit{{
				File: "node/wal/writer.go",
				Old:  "	mark := watermark{segment: w.current.id, end: w.end, sequence: w.sequence}\n",
				New:  "	mark := watermark{segment: w.current.id, end: w.end + blockBytes, sequence: w.sequence}\n",
			}},
			Needs: restarts,
			Rule:  "journal-verifies",
			Also:  []string{"unexpected-exit", "drains"},
		},
		{
			Name: "records-of-a-recycled-segment-accepted",
			Says: "A frame is not compared with the segment that it was written for. In a recycled file, what is left of its earlier life " +
				"passes for the journal's next frame.",
			Edits: []Edit{{
				File: "node/wal/frame.go",
				Old:  "	case h.segment != segment || h.offset != offset:\n",
				New:  "	case h.offset != offset:\n",
			}},
			Needs: restarts,
			Rule:  "unexpected-exit",
			Also:  []string{"drains"},
		},
		{
			Name: "checksums-not-verified",
			Says: "The journal reads frames and records back without looking at their checksums. A torn write after a power cut, or a flipped " +
				"bit, becomes part of the log.",
			Edits: []Edit{{
				File: "node/wal/frame.go",
				Old:  "	if crc := crc32.Update(salt, castagnoli, payload); crc != h.payload {\n",
				New:  "	if crc := crc32.Update(salt, castagnoli, payload); false {\n",
			}, {
				File: "node/wal/frame.go",
				Old:  "	if crc := recordCRC(salt, segment, offset, b, r.data); crc != stored {\n",
				New:  "	if crc := recordCRC(salt, segment, offset, b, r.data); false {\n",
			}},
			Needs:    append(slices.Clone(powerCuts), "bit-rot", "misdirected-write"),
			Scenario: "rotten-and-away",
			Rule:     "unexpected-exit",
			Also:     []string{"journal-verifies", "equal-state", "applied-alike", "lost", "drains", "one-leader-per-term", "corrupted"},
		},
		{
			Name: "segment-freed-before-its-compaction-is-durable",
			Says: "A frame makes the compactions before it count as durable, and does not carry them. Their segments are used again; after a " +
				"crash the journal needs the entries that were in them, and the host does not start.",
			Edits: []Edit{{
				File: "node/wal/build.go",
				Old:  "		w.addLazy()\n	} else if ",
				New:  "	} else if ",
			}},
			Needs: restarts,
			Rule:  "unexpected-exit",
			Also:  []string{"journal-verifies", "drains"},
		},
		{
			Name: "poisoned-journal-lives-on",
			Says: "A journal whose disk failed refuses everything, and its host goes on without it: it takes part in elections that it cannot " +
				"note down.",
			Edits: []Edit{{
				File: "node/wal/journal.go",
				Old:  "	j.host.Fail(fmt.Errorf(\"journal %s: %w\", j.dir, cause))\n",
				New:  "",
			}},
			Needs: []string{"fsync-error", "write-error", "hung-disk"},
			Rule:  "unexpected-exit",
			Also:  []string{"drains", "sends-again"},
		},
		{
			Name: "full-disk-leaves-callers-waiting",
			Says: "Whoever wants to store something while the disk is full gets no answer, not even when there is room again. The slots of " +
				"that host stand still.",
			Edits: []Edit{{
				File: "node/wal/writer.go",
				Old:  "		if !fitted {\n			refused = err\n		}\n",
				New:  "		if !fitted {\n			continue\n		}\n",
			}, {
				File: "node/wal/writer.go",
				Old:  "func (w *writer) refuse(err error) {\n",
				New:  "func (w *writer) refuse(error) {\n",
			}},
			Needs: []string{"full-disk"},
			Rule:  "sends-again",
			Also:  []string{"drains"},
		},
	}
}
