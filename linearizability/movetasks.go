package linearizability

import (
	"cmp"
	"slices"
)

// Do message move tasks do what they say, and no faster than they may?

// checkTasks applies move-rate and move-task to the tasks of a dead-letter queue.
func (c *checker) checkTasks(q *queue) {
	if len(q.tasks) == 0 {
		return
	}
	c.checkRate(q)
	c.checkTaskLists(q)
}

// checkRate checks that what tasks moved did not come sooner than their rates allow. At most one task runs at a time, so each counts
// until the next was started for certain; one of unknown outcome may be started at any time.
func (c *checker) checkRate(q *queue) {
	var starts []*Operation
	unlimited := forever
	for _, op := range q.tasks {
		if op.Kind == StartMoveTask && op.possible() {
			starts = append(starts, op)
			if op.Rate == 0 {
				unlimited = min(unlimited, op.Call)
			}
		}
	}
	var came []*receipt // the first to return of each message that a task moved
	for _, target := range q.movesTo {
		for _, m := range target.messages {
			if !m.arrived || len(target.sources) > 0 || len(m.receipts) == 0 {
				continue
			}
			soonest := slices.MinFunc(m.receipts, func(a, b *receipt) int { return cmp.Compare(a.op.Return, b.op.Return) })
			if soonest.op.Return < unlimited {
				came = append(came, soonest)
			}
		}
	}
	slices.SortFunc(came, func(a, b *receipt) int {
		return cmp.Or(cmp.Compare(a.op.Return, b.op.Return), cmp.Compare(a.op.ID, b.op.ID))
	})
	for i, r := range came {
		c.judged(MoveRate)
		allowed := int64(0) // messages times a second
		for k, op := range starts {
			until := r.op.Return
			for _, next := range starts[k+1:] {
				if next.Outcome == OK && op.settled() {
					until = min(until, next.Return)
					break
				}
			}
			if op.Call < until {
				allowed += (until - op.Call + c.slack) * int64(op.Rate)
			}
		}
		if int64(i+1)*second > allowed {
			c.broken(MoveRate, append(idsOf(starts), r.op.ID), "%d messages of %s had been moved by tasks by %s, and their rates allow %.1f",
				i+1, q.name, at(r.op.Return), float64(allowed)/float64(second))
			return
		}
	}
}

// checkTaskLists checks that a task that was started is listed, that what it moved is not unmoved, and that one that has ended, or
// was cancelled, does not run again.
func (c *checker) checkTaskLists(q *queue) {
	type news struct {
		op    *Operation
		moved int64
		ended bool
	}
	known := map[string][]news{} // of each task, what answers say
	var started []news
	for _, op := range q.tasks {
		if op.Outcome != OK {
			continue
		}
		switch op.Kind {
		case StartMoveTask:
			known[op.Task], started = []news{{op: op}}, append(started, news{op: op})
		case CancelMoveTask:
			if known[op.Task] != nil {
				known[op.Task] = append(known[op.Task], news{op: op, ended: true})
			}
		}
	}
	for _, op := range q.tasks {
		if op.Kind != ListMoveTasks || op.Outcome != OK {
			continue
		}
		c.judged(MoveTaskState)
		before := func(n news) bool { return n.op.Return < op.Call }
		if i := slices.IndexFunc(started, before); i >= 0 && len(op.Tasks) == 0 {
			c.broken(MoveTaskState, []int{started[i].op.ID, op.ID}, "a task was started on %s at %s, and the list of tasks at %s has none",
				q.name, at(started[i].op.Return), at(op.Call))
		}
		for _, t := range op.Tasks {
			if t.Task == "" {
				continue
			}
			for _, n := range known[t.Task] {
				switch {
				case !before(n):
				case n.ended:
					c.broken(MoveTaskState, []int{n.op.ID, op.ID}, "a task on %s had ended by %s, and at %s it runs", q.name, at(n.op.Return), at(op.Call))
				case t.Moved < n.moved:
					c.broken(MoveTaskState, []int{n.op.ID, op.ID}, "a task on %s had moved %d messages by %s, and at %s %d", q.name, n.moved, at(n.op.Return), at(op.Call), t.Moved)
				}
			}
		}
		for task, list := range known {
			i := slices.IndexFunc(op.Tasks, func(t MoveTask) bool { return t.Task == task })
			switch {
			case i >= 0:
				known[task] = append(list, news{op: op, moved: op.Tasks[i].Moved})
			case before(list[0]):
				known[task] = append(list, news{op: op, ended: true})
			}
		}
	}
}
