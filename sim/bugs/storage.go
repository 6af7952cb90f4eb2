package bugs

// storage returns the bugs of the journal and of snapshots.
func storage() []Bug {
	return []Bug{
		{
			Name: "acknowledge-before-fsync",
			Says: "The journal answers before its sync: each frame is made durable only by the sync that belongs to the next one, " +
				"or after 50 ms of silence. Messages that were acknowledged just before a power cut are gone.",
			Edits: []Edit{{
				File: "node/wal/writer.go",
				Old: `	if err := w.write(s, bytes, end); err != nil {
		return err
	}
	failpoint.Inject("wal/afterWrite", nil)
	if err := w.sync(s); err != nil {
		return err
	}
`,
				New: `	if err := w.sync(s); err != nil {
		return err
	}
	failpoint.Inject("wal/afterWrite", nil)
	if err := w.write(s, bytes, end); err != nil {
		return err
	}
`,
			}},
			Needs: []string{"power-all", "power", "power-at-call"},
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
			Needs: []string{"bit-rot", "misdirected-write"},
			Rule:  "lost",
			Also:  []string{"drains", "equal-state", "one-leader-per-term", "deleted-returns", "journal-verifies", "unexpected-exit"},
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
			Needs: []string{"power-all", "power", "power-at-call"},
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
			Needs: []string{"power-all", "power", "power-at-call"},
			Rule:  "unexpected-exit",
			Also:  []string{"lost", "drains"},
		},
	}
}
