package linearizability

import (
	"fmt"
	"slices"
	"strings"
)

// How messages move between the naive queues. A partition sets a message aside under a number; the target, which may be in
// another slot, stores it in a transfer; the partition settles the move, by removing the message or, if the target is gone, by
// taking it back. Each of the three is a command in a log of its own, and this file holds them against each other.

// naiveAsidesMax is how many messages a command may set aside before it delivers less than there is, and a partition for a task.
const naiveAsidesMax = 100

// naiveMoves is what the logs of all slots say of moves: which were stored where, and when first.
type naiveMoves struct{ stored map[moveKey]*storedMove }

// moveKey names a move by the partition that it starts from.
type moveKey struct {
	origin string
	number uint64
}

type storedMove struct {
	appliedMoved
	partition string
	seen      int64
}

func newNaiveMoves() *naiveMoves { return &naiveMoves{stored: map[moveKey]*storedMove{}} }

// note takes in a transfer that was carried out. One move must not be stored in two partitions of a queue.
func (m *naiveMoves) note(seen int64, c *appliedCommand) error {
	if c.kind != "transfer" || c.code != "ok" {
		return nil
	}
	for _, moved := range c.moved {
		key := moveKey{c.origin, moved.number}
		stored := m.stored[key]
		if stored == nil {
			m.stored[key] = &storedMove{moved, c.partition, seen}
			continue
		}
		stored.seen = min(stored.seen, seen)
		target, _, _ := strings.Cut(c.partition, "/")
		before, _, _ := strings.Cut(stored.partition, "/")
		if target == before && c.partition != stored.partition {
			return fmt.Errorf("move %d of partition %s was stored in partition %s and in %s", moved.number, c.origin, stored.partition, c.partition)
		}
		if moved != stored.appliedMoved {
			return fmt.Errorf("move %d of partition %s was transferred as %v and as %v", moved.number, c.origin, stored.appliedMoved, moved)
		}
	}
	return nil
}

// exhausted reports whether one more receive of m would be too many.
func (p *naivePartition) exhausted(m *naiveMsg) bool {
	return p.maxReceives > 0 && m.receive >= p.maxReceives
}

// setAside begins the move of a message that was received too often.
func (s *naiveSlot) setAside(p *naivePartition, partition string, aside appliedAside) error {
	m, err := p.free(s.nowMs, aside)
	switch {
	case err != nil:
		return err
	case !p.exhausted(m):
		return fmt.Errorf("%s (%d) was set aside after %d receives, must be %d", m.id, m.seq, m.receive, p.maxReceives)
	}
	m.move, p.lastMove = aside.number, aside.number
	// A message that moves for the second time is as old as when it was sent first.
	expected := appliedMoved{number: aside.number, id: m.id, group: m.group, sentMs: m.sentMs, receives: m.came.receives + m.receive}
	if m.came.source != "" {
		expected.sentMs = m.came.sentMs
	}
	return s.compare(partition, expected, true)
}

// free returns the message of a move that begins, if a receive might take it.
func (p *naivePartition) free(nowMs int64, aside appliedAside) (*naiveMsg, error) {
	m := p.find(aside.seq)
	switch {
	case m == nil || m.move > 0:
		return nil, fmt.Errorf("message %d was set aside, which is not there", aside.seq)
	case m.visibleMs > nowMs:
		return nil, fmt.Errorf("%s (%d) was set aside, which is hidden until %d, at %d", m.id, m.seq, m.visibleMs, nowMs)
	case aside.number != p.lastMove+1:
		return nil, fmt.Errorf("%s (%d) was set aside as move %d after %d", m.id, m.seq, aside.number, p.lastMove)
	}
	for _, other := range p.messages {
		if p.fifo && other.move == 0 && other.group == m.group && other.seq < m.seq && other.visibleMs > nowMs {
			return nil, fmt.Errorf("%s (%d) was set aside, though %s (%d) of its group locks it", m.id, m.seq, other.id, other.seq)
		}
	}
	return m, nil
}

// compare holds what was transferred, or will be, against what was set aside. The log has the source of a message only by its
// name; here it counts whether there is one.
func (s *naiveSlot) compare(partition string, expected appliedMoved, deadLetter bool) error {
	stored := s.moves.stored[moveKey{partition, expected.number}]
	if stored == nil {
		return nil // it may come after the end of the log, or be given back
	}
	moved := stored.appliedMoved
	if sourced := moved.source != ""; sourced != deadLetter {
		return fmt.Errorf("move %d of %s was transferred with the source %q", expected.number, expected.id, moved.source)
	}
	if moved.source = ""; moved != expected {
		return fmt.Errorf("move %d was transferred as %v, must be %v", expected.number, moved, expected)
	}
	return nil
}

// transfer stores messages that have not come before.
func (p *naivePartition) transfer(nowMs int64, c *appliedCommand) error {
	if err := want(c.code, "ok"); err != nil {
		return err
	}
	for _, moved := range c.moved {
		if moved.number <= p.arrivals[c.origin] {
			continue
		}
		p.arrivals[c.origin] = moved.number
		p.lastSeq++
		m := &naiveMsg{appliedMsg: appliedMsg{id: moved.id, group: moved.group, seq: p.lastSeq}, sentMs: nowMs, visibleMs: nowMs}
		if moved.source != "" {
			m.came = moved
		}
		p.messages = append(p.messages, m)
		c.stored = append(c.stored, appliedMsg{id: m.id, seq: m.seq, receive: m.came.receives})
	}
	return nil
}

// settle ends moves. A message is removed only once another partition has it.
func (s *naiveSlot) settle(p *naivePartition, c *appliedCommand) error {
	for _, m := range slices.Clone(p.messages) {
		if m.move == 0 || m.move > c.through {
			continue
		}
		if c.returned {
			m.move = 0
			if m.byTask {
				p.failTask()
			}
			continue
		}
		if stored := s.moves.stored[moveKey{c.partition, m.move}]; stored == nil || stored.seen > s.seen {
			return fmt.Errorf("move %d of %s (%d) was settled, and no partition had stored it", m.move, m.id, m.seq)
		}
		p.messages = slices.DeleteFunc(p.messages, func(other *naiveMsg) bool { return other == m })
		if m.byTask && len(p.tasks) > 0 {
			p.tasks[0].moved++
		}
	}
	return want(c.code, "ok")
}

// naiveTask is a partition's part of a message move task.
type naiveTask struct {
	appliedTask
	startedMs int64
	rateMilli uint64
	targeted  bool
	asides    uint64
	// mayHaveFailed says that the task, which runs, met a message that came from nowhere, or would have, in another order.
	mayHaveFailed bool
}

// running returns the newest task if it runs, or nil.
func (p *naivePartition) running() *naiveTask {
	if len(p.tasks) == 0 || p.tasks[0].status != taskRunning {
		return nil
	}
	return &p.tasks[0]
}

// failTask ends the running task, if there is one: its queue, or its target, is gone.
func (p *naivePartition) failTask() {
	if t := p.running(); t != nil {
		t.status = taskFailed
	}
}

// naiveTasksMax is how many tasks are remembered.
const naiveTasksMax = 10

// task carries out what clients ask of tasks.
func (p *naivePartition) task(nowMs int64, c *appliedCommand) error {
	running := p.running()
	switch c.operation {
	case taskStart:
		if running != nil && !(running.mayHaveFailed && c.code == "ok") {
			return want(c.code, "task-running")
		}
		p.failTask()
		started := naiveTask{appliedTask: appliedTask{id: c.task}, startedMs: nowMs, rateMilli: c.rateMilli, targeted: c.targeted}
		started.status = taskRunning
		p.tasks = append([]naiveTask{started}, p.tasks...)
		p.tasks = p.tasks[:min(len(p.tasks), naiveTasksMax)]
	case taskCancel:
		if running == nil || running.id != c.task || running.mayHaveFailed && c.code != "ok" {
			return want(c.code, "no-such-task")
		}
		running.status = taskCancelled
	case taskList:
		if running != nil && running.mayHaveFailed && len(c.tasks) > 0 && c.tasks[0].status == taskFailed {
			running.status = taskFailed
		}
		var expected []appliedTask
		for i := range p.tasks {
			expected = append(expected, p.tasks[i].appliedTask)
		}
		if !slices.Equal(expected, c.tasks) {
			return fmt.Errorf("the tasks are listed as %v, must be %v", c.tasks, expected)
		}
	}
	return want(c.code, "ok")
}

// step lets the running task set messages aside, no more than its rate allows.
func (s *naiveSlot) step(p *naivePartition, c *appliedCommand) error {
	t := p.running()
	if t == nil {
		if len(c.asides) > 0 {
			return fmt.Errorf("message %d was set aside by a task that does not run", c.asides[0].seq)
		}
		return want(c.code, "ok")
	}
	for _, aside := range c.asides {
		m, err := p.free(s.nowMs, aside)
		if err != nil {
			return err
		}
		t.asides++
		switch {
		case !t.targeted && m.came.source == "":
			return fmt.Errorf("%s (%d) was set aside to move back to a queue that it did not come from", m.id, m.seq)
		case t.rateMilli > 0 && t.asides*1_000_000 > uint64(s.nowMs-t.startedMs)*t.rateMilli:
			return fmt.Errorf("%d messages were set aside within %d ms, at %d thousandths of a message a second", t.asides, s.nowMs-t.startedMs, t.rateMilli)
		}
		m.move, m.byTask, p.lastMove = aside.number, true, aside.number
		if err := s.compare(c.partition, appliedMoved{number: aside.number, id: m.id, group: m.group}, false); err != nil {
			return err
		}
	}
	left := p.offered(s.nowMs)
	t.mayHaveFailed = t.mayHaveFailed || !t.targeted && slices.ContainsFunc(left, func(m *naiveMsg) bool { return m.came.source == "" })
	if len(left) == 0 && !slices.ContainsFunc(p.messages, func(m *naiveMsg) bool { return m.move > 0 }) {
		t.status = taskCompleted
	}
	return want(c.code, "ok")
}
