package bugs

import "slices"

// restorations returns the bugs of queues that are deleted and restored.
func restorations() []Bug {
	return []Bug{
		{
			Name: "deletion-forgets-who-holds",
			Says: "A partition takes back what is in flight when its queue is deleted. In the restored queue others receive it at once, while its " +
				"holders work on it.",
			Edits: []Edit{{
				File: "backend/queue/drop.go",
				Old:  "	p.noteClosed()\n",
				New: "	p.noteClosed()\n	var held []message\n	p.messages.Ascend(func(m message) bool {\n" +
					"		if m.move == 0 && m.receives > 0 && m.hidden(p.advancedMs) {\n			held = append(held, m)\n		}\n		return true\n	})\n" +
					"	for _, m := range held {\n		changed := m\n		changed.visibleAtMs = p.advancedMs\n		p.change(m, changed)\n	}\n",
			}},
			Rule: "hold-overlap",
			Also: []string{"fifo-hold-overlap", "applied-result", "expired-handle-deletes"},
		},
		{
			Name: "restoration-forgets-deduplication",
			Says: "A partition that is opened again has forgotten which messages were sent. A producer that repeats a send, because the first answer " +
				"was lost or the queue was away, stores it twice.",
			Edits: []Edit{{
				File: "backend/queue/configure.go",
				Old:  "	p.dropAtMs = 0 // newer than the deletion: the queue was restored\n",
				New:  "	if p.closed() {\n		for p.dedup.Len() > 0 {\n			p.dedup.DeleteMin()\n		}\n		clear(p.dedupSeqs)\n	}\n	p.dropAtMs = 0\n",
			}},
			Rule: "dedup",
			Also: []string{"duplicate-send-fifo", "applied-result"},
		},
		{
			Name: "restored-partition-stays-closed",
			Says: "A partition takes the settings of the restored queue and stays closed. The queue is there and nobody can use it, until it is " +
				"dropped with all that it holds.",
			Edits: []Edit{{
				File: "backend/queue/configure.go",
				Old:  "	p.dropAtMs = 0 // newer than the deletion: the queue was restored\n",
				New:  "",
			}},
			Rule: "restored-missing",
			Also: []string{"drains", "applied-result", "sends-again", "lost"},
		},
		{
			Name: "deletion-told-to-nobody",
			Says: "The partitions hear nothing of a deletion. Frontends that know the queue go on with it for seconds, and acknowledge messages " +
				"after the deletion was.",
			Edits: []Edit{{
				File: "frontend/deletion.go",
				Old:  "	drop := queue.Command{Kind: queue.KindDrop}\n	if record.RestoreMs > 0 {\n",
				New:  "	drop := queue.Command{Kind: queue.KindDrop}\n	if record.RestoreMs > 0 {\n		return nil\n	}\n	if record.RestoreMs > 0 {\n",
			}},
			Rule: "deleted-serves",
		},
		{
			Name: "restored-with-another-id",
			Says: "The catalog gives a restored queue an id of its own, as it gives every queue that is made. Its partitions begin empty; those with " +
				"its messages are nobody's.",
			Edits: []Edit{{
				File: "metadata/catalog/deletion.go",
				Old:  "	q.Version, q.RestoreMs = c.nextVersion(), 0\n",
				New:  "	c.lastQueueID++\n	q.ID, q.Version, q.RestoreMs = c.lastQueueID, c.nextVersion(), 0\n",
			}},
			Rule: "drains",
			Also: []string{"lost", "dedup", "duplicate-send-fifo", "sequence", "sequence-order", "expired-handle-deletes", "impossible-answer"},
		},
		{
			Name: "restored-with-default-attributes",
			Says: "A restored queue has its messages and the attributes of a queue that was made without any.",
			Edits: []Edit{{
				File: "metadata/catalog/deletion.go",
				Old:  "	q.Version, q.RestoreMs = c.nextVersion(), 0\n",
				New:  "	q.Version, q.RestoreMs = c.nextVersion(), 0\n	q.Attributes = DefaultAttributes(q.FIFO)\n",
			}},
			Rule: "porcupine-metadata",
			Also: []string{"impossible-answer", "hold-overlap", "fifo-hold-overlap", "receive-count", "delay"},
		},
		{
			Name: "window-lost-in-snapshot",
			Says: "A snapshot of the catalog leaves out for how long a deleted queue can be restored. At a host that came back from it no " +
				"queue can.",
			Edits: []Edit{{
				File: "metadata/catalog/snapshot.go",
				Old:  "		if err := c.checkSlots(t.Queue); err != nil { // it may be restored\n",
				New:  "		t.Queue.RestoreMs = 0\n		if err := c.checkSlots(t.Queue); err != nil { // it may be restored\n",
			}},
			Needs: append(slices.Clone(restarts), "wipe"),
			Rule:  "equal-state",
			Also:  []string{"impossible-answer", "drains", "deleted-serves"},
		},
		{
			Name: "closed-lost-in-snapshot",
			Says: "A snapshot of a slot leaves out that a partition is closed. A host that comes back from it serves the deleted queue.",
			Edits: []Edit{{
				File: "backend/queue/restore.go",
				Old:  "		l.partition.lastSeq, l.partition.dropAtMs = lastSeq, dropAtMs\n",
				New:  "		l.partition.lastSeq, l.partition.dropAtMs = lastSeq, 0*dropAtMs\n",
			}},
			Needs: append(slices.Clone(restarts), "wipe"),
			Rule:  "equal-state",
			Also:  []string{"applied-alike", "applied-result", "deleted-serves"},
		},
	}
}
