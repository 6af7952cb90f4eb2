package linearizability

import (
	"fmt"
	"slices"
)

// A naive queue: what each applied command must have been answered with, written down as plainly as possible. Lists are searched
// from end to end, and nothing is indexed. Where SQS leaves a choice, every choice is allowed.

// naiveSlot is the state of one group of replicas.
type naiveSlot struct {
	nowMs      int64
	partitions map[string]*naivePartition
	dropped    map[string]bool
	sessions   map[uint64]*naiveSession
	moves      *naiveMoves
	seen       int64 // when the present entry was applied
}

// naiveSession remembers the answers to the commands of one client of the slot.
type naiveSession struct {
	lowWater uint64
	lastMs   int64
	answered map[uint64]*appliedCommand
}

// naivePartition is one partition of a queue.
type naivePartition struct {
	fifo, perGroup bool
	delivery       string
	version        uint64
	retention      int64
	delay          int64 // of a FIFO queue
	dropAtMs       int64 // of a deleted queue; 0 while it is not deleted
	lastSeq        uint64
	messages       []*naiveMsg // in order of seq
	accepted       []naiveSend
	attempts       []naiveAttempt
	maxReceives    uint64 // after which a message moves to the dead-letter queue; 0 is never
	lastMove       uint64
	arrivals       map[string]uint64 // the number of the last move that came from each partition
	tasks          []naiveTask       // the newest first
}

type naiveMsg struct {
	appliedMsg // id, group, seq, receive
	sentMs     int64
	visibleMs  int64
	receivedMs int64
	move       uint64       // the number of its move, if it is set aside
	byTask     bool         // its move is a task's
	came       appliedMoved // from a queue whose dead-letter queue this is, if it has a source
}

// naiveSend is an accepted send that counts for deduplication.
type naiveSend struct {
	group, dedup, id string
	seq              uint64
	atMs             int64
}

// naiveAttempt is a receive with an attempt ID.
type naiveAttempt struct {
	id        string
	atMs      int64
	visibleMs int64
	got       []appliedMsg
}

// How often a queue delivers a message.
const (
	deliveredAtLeastOnce = "at-least-once"
	deliveredAtMostOnce  = "at-most-once" // a receive removes
	deliveredExactlyOnce = "exactly-once" // sends are deduplicated and handles fenced, as on any FIFO queue
)

const (
	naiveForgetMs      = 5 * 60 * 1000       // deduplication and attempt IDs
	naiveSessionMs     = 15 * 60 * 1000      // sessions without a command
	naiveVisibilityMax = 12 * 60 * 60 * 1000 // a message's time in flight since its receive
)

func newNaiveSlot(moves *naiveMoves) *naiveSlot {
	return &naiveSlot{partitions: map[string]*naivePartition{}, dropped: map[string]bool{}, sessions: map[uint64]*naiveSession{}, moves: moves}
}

// apply carries out a command and returns an error if it must not have been answered so.
func (s *naiveSlot) apply(atMs int64, c *appliedCommand) error {
	s.nowMs = max(s.nowMs, atMs)
	if c.session == 0 {
		return s.execute(c)
	}
	session := s.sessions[c.session]
	if session == nil || session.lastMs+naiveSessionMs <= s.nowMs {
		session = &naiveSession{answered: map[uint64]*appliedCommand{}}
		s.sessions[c.session] = session
	}
	session.lastMs, session.lowWater = s.nowMs, max(session.lowWater, c.lowWater)
	if c.seq < session.lowWater {
		return want(c.code, "stale-session")
	}
	if first := session.answered[c.seq]; first != nil {
		return s.repeat(first, c)
	}
	err := s.execute(c)
	if !slices.Contains([]string{"need-settings", "stale-settings", "overloaded", "bad-command"}, c.code) && c.operation != taskList {
		session.answered[c.seq] = c
	}
	return err
}

// repeat checks the answer to a command that was carried out before: the same once more, without messages that went elsewhere
// since.
func (s *naiveSlot) repeat(first, c *appliedCommand) error {
	if err := want(c.code, first.code); err != nil {
		return fmt.Errorf("a repeated command: %w", err)
	}
	var expected []appliedMsg
	p := s.partitions[first.partition]
	for _, m := range first.out {
		if first.kind != "receive" {
			expected = append(expected, m)
			continue
		}
		if first.took {
			expected = append(expected, m) // nobody else can have it
			continue
		}
		if p == nil {
			continue
		}
		p.pass(s.nowMs)
		if held := p.find(m.seq); held != nil && held.receive == m.receive && held.move == 0 {
			expected = append(expected, m)
		}
	}
	if !slices.Equal(expected, c.out) || !slices.Equal(first.codes, c.codes) {
		return fmt.Errorf("a repeated command was answered with %s, must be %s", listed(c.out, c.codes), listed(expected, first.codes))
	}
	return nil
}

// listed names messages and codes for people.
func listed(messages []appliedMsg, codes []string) string {
	names := slices.Clone(codes)
	for _, m := range messages {
		names = append(names, fmt.Sprintf("%s (%d, receive %d)", m.id, m.seq, m.receive))
	}
	return orNone(names)
}

func want(code, expected string) error {
	if code != expected {
		return fmt.Errorf("answered %s, must be %s", code, expected)
	}
	return nil
}

// execute carries out a command regardless of sessions.
func (s *naiveSlot) execute(c *appliedCommand) error {
	if c.code == "overloaded" || c.code == "bad-command" {
		return nil // refused as a whole: limits of the service
	}
	p := s.partitions[c.partition]
	if p != nil && p.dropAtMs > 0 && p.dropAtMs <= s.nowMs {
		delete(s.partitions, c.partition)
		s.dropped[c.partition] = true
	}
	switch {
	case c.kind == "drop" && c.keep > 0:
		return s.close(c)
	case c.kind == "drop":
		delete(s.partitions, c.partition)
		s.dropped[c.partition] = true
		return want(c.code, "ok")
	case s.dropped[c.partition]:
		return want(c.code, "queue-dropped")
	case c.kind == "configure":
		return s.configure(c)
	case p == nil:
		return want(c.code, "need-settings")
	}
	p.pass(s.nowMs)
	switch {
	case c.kind == "expire":
		return want(c.code, "ok")
	case c.kind == "settle":
		return s.settle(p, c)
	case c.kind == "move-task" && c.operation == taskStep:
		return s.step(p, c)
	case c.version > p.version:
		return want(c.code, "need-settings")
	case p.dropAtMs > 0:
		return want(c.code, "queue-dropped")
	case c.version < p.version:
		return want(c.code, "stale-settings")
	}
	switch c.kind {
	case "send":
		return p.send(s.nowMs, c)
	case "receive":
		return s.receive(p, c)
	case "delete":
		return p.each(c, func(m *naiveMsg, handle appliedMsg) string { return p.remove(s.nowMs, m, handle) })
	case "visibility":
		return p.each(c, func(m *naiveMsg, handle appliedMsg) string { return p.hide(s.nowMs, m, handle) })
	case "transfer":
		return p.transfer(s.nowMs, c)
	case "move-task":
		return p.task(s.nowMs, c)
	}
	p.messages, p.accepted, p.attempts = nil, nil, nil // purge
	return want(c.code, "ok")
}

func (s *naiveSlot) newPartition(c *appliedCommand) *naivePartition {
	p := &naivePartition{fifo: c.fifo, arrivals: map[string]uint64{}}
	s.partitions[c.partition] = p
	return p
}

// close carries out the deletion of a queue that can be restored.
func (s *naiveSlot) close(c *appliedCommand) error {
	p := s.partitions[c.partition]
	switch {
	case s.dropped[c.partition]:
		return want(c.code, "ok")
	case p == nil:
		p = s.newPartition(c)
	case p.dropAtMs > 0 && c.settings == p.version:
		return want(c.code, "ok")
	case c.settings <= p.version:
		return want(c.code, "stale-settings")
	}
	p.pass(s.nowMs)
	p.set(s.nowMs, c)
	p.dropAtMs = s.nowMs + c.keep
	p.failTask()
	return want(c.code, "ok")
}

// set gives the partition the settings of a command. A FIFO queue's delay counts for the messages that are delayed.
func (p *naivePartition) set(nowMs int64, c *appliedCommand) {
	for _, m := range p.messages {
		if c.delay != p.delay && m.receive == 0 && m.visibleMs > nowMs {
			m.visibleMs = m.sentMs + c.delay
		}
	}
	p.delay = c.delay
	p.version, p.retention, p.perGroup, p.delivery, p.maxReceives = c.settings, c.retention, c.perGroup, c.delivery, c.maxReceives
}

// exact reports whether sends are deduplicated and handles fenced.
func (p *naivePartition) exact() bool { return p.fifo || p.delivery == deliveredExactlyOnce }

func (s *naiveSlot) configure(c *appliedCommand) error {
	p := s.partitions[c.partition]
	if p == nil {
		p = s.newPartition(c)
	}
	p.pass(s.nowMs)
	switch {
	case p.dropAtMs > 0 && c.settings <= p.version:
		return want(c.code, "queue-dropped")
	case c.settings < p.version:
		return want(c.code, "stale-settings")
	case c.settings > p.version:
		p.set(s.nowMs, c)
		p.dropAtMs = 0
		p.pass(s.nowMs)
	}
	return want(c.code, "ok")
}

// pass lets time pass.
func (p *naivePartition) pass(nowMs int64) {
	p.messages = slices.DeleteFunc(p.messages, func(m *naiveMsg) bool { return p.retention > 0 && p.bornMs(m)+p.retention <= nowMs })
	p.accepted = slices.DeleteFunc(p.accepted, func(s naiveSend) bool { return s.atMs+naiveForgetMs <= nowMs })
	p.attempts = slices.DeleteFunc(p.attempts, func(a naiveAttempt) bool { return a.atMs+naiveForgetMs <= nowMs })
}

// bornMs is when the retention of a message began: on a standard queue it goes on in the dead-letter queue.
func (p *naivePartition) bornMs(m *naiveMsg) int64 {
	if m.came.source != "" && !p.fifo {
		return m.came.sentMs
	}
	return m.sentMs
}

func (p *naivePartition) find(seq uint64) *naiveMsg {
	i := slices.IndexFunc(p.messages, func(m *naiveMsg) bool { return m.seq == seq })
	if i < 0 {
		return nil
	}
	return p.messages[i]
}

func (p *naivePartition) send(nowMs int64, c *appliedCommand) error {
	if err := want(c.code, "ok"); err != nil {
		return err
	}
	if len(c.out) != len(c.sends) {
		return fmt.Errorf("%d sends and %d answers", len(c.sends), len(c.out))
	}
	for i, s := range c.sends {
		sent := c.out[i]
		if sent.code != "ok" {
			continue // refused by itself
		}
		first := slices.IndexFunc(p.accepted, func(a naiveSend) bool { return a.dedup == s.dedup && (!p.fifo || !p.perGroup || a.group == s.group) })
		if p.exact() && first >= 0 {
			if original := p.accepted[first]; !sent.duplicate || sent.id != original.id || sent.seq != original.seq {
				return fmt.Errorf("message %s was answered with %s (%d), it repeats %s (%d)", s.id, sent.id, sent.seq, original.id, original.seq)
			}
			continue
		}
		if sent.duplicate || sent.id != s.id || sent.seq <= p.lastSeq {
			return fmt.Errorf("message %s was answered with %s (%d, duplicate: %v), and is a new one after %d", s.id, sent.id, sent.seq, sent.duplicate, p.lastSeq)
		}
		p.lastSeq = sent.seq
		p.messages = append(p.messages, &naiveMsg{appliedMsg: appliedMsg{id: s.id, group: s.group, seq: sent.seq}, sentMs: nowMs, visibleMs: nowMs + s.ms})
		if p.exact() {
			p.accepted = append(p.accepted, naiveSend{s.group, s.dedup, s.id, sent.seq, nowMs})
		}
	}
	return nil
}

func (s *naiveSlot) receive(p *naivePartition, c *appliedCommand) error {
	nowMs := s.nowMs
	if c.code == "over-limit" {
		return nil // a limit of the service
	}
	if err := want(c.code, "ok"); err != nil {
		return err
	}
	if done, err := p.receiveAgain(nowMs, c); done {
		return err
	}
	for _, aside := range c.asides {
		if err := s.setAside(p, c.partition, aside); err != nil {
			return err
		}
	}
	if len(c.out) > c.most {
		return fmt.Errorf("%d messages, %d were asked for", len(c.out), c.most)
	}
	if offered := p.offered(nowMs); len(c.out) == 0 && len(offered) > 0 && len(c.asides) < naiveAsidesMax {
		return fmt.Errorf("no message, though %s (%d) is visible", offered[0].id, offered[0].seq)
	}
	for _, got := range c.out {
		m := p.find(got.seq)
		switch {
		case m == nil || m.id != got.id:
			return fmt.Errorf("got %s (%d), which is not there", got.id, got.seq)
		case m.move > 0 || p.exhausted(m):
			return fmt.Errorf("got %s (%d), which must move after %d receives and had %d", got.id, got.seq, p.maxReceives, m.receive)
		case m.visibleMs > nowMs:
			return fmt.Errorf("got %s (%d), which is hidden until %d, at %d", got.id, got.seq, m.visibleMs, nowMs)
		case got.receive != m.receive+1:
			return fmt.Errorf("got %s (%d) with receive count %d after %d", got.id, got.seq, got.receive, m.receive)
		case p.fifo:
			if before := p.before(m, c.out); before != nil {
				return fmt.Errorf("got %s (%d) of group %q before %s (%d)", got.id, got.seq, m.group, before.id, before.seq)
			}
		}
	}
	for i, got := range c.out {
		m := p.find(got.seq)
		if m.receive == got.receive {
			return fmt.Errorf("got %s (%d) twice in one answer", got.id, got.seq)
		}
		if p.fifo && slices.ContainsFunc(c.out[:i], func(earlier appliedMsg) bool { return earlier.seq > got.seq && p.find(earlier.seq).group == m.group }) {
			return fmt.Errorf("got %s (%d) after a later message of its group", got.id, got.seq)
		}
		m.receive, m.receivedMs, m.visibleMs = got.receive, nowMs, nowMs+c.visibility
	}
	if p.delivery == deliveredAtMostOnce {
		c.took = true
		p.messages = slices.DeleteFunc(p.messages, func(m *naiveMsg) bool { return m.receive > 0 })
		return nil
	}
	if p.fifo && c.attempt != "" && len(c.out) > 0 {
		p.attempts = append(p.attempts, naiveAttempt{c.attempt, nowMs, nowMs + c.visibility, c.out})
	}
	return nil
}

// receiveAgain carries out a receive that repeats an attempt whose messages are all still held as it left them.
func (p *naivePartition) receiveAgain(nowMs int64, c *appliedCommand) (bool, error) {
	i := slices.IndexFunc(p.attempts, func(a naiveAttempt) bool { return c.attempt != "" && a.id == c.attempt })
	if !p.fifo || i < 0 {
		return false, nil
	}
	a := &p.attempts[i]
	for _, got := range a.got {
		if m := p.find(got.seq); m == nil || m.receive != got.receive || m.visibleMs != a.visibleMs || m.visibleMs <= nowMs {
			p.attempts = slices.Delete(p.attempts, i, i+1)
			return false, nil
		}
	}
	if !slices.Equal(a.got, c.out) {
		return true, fmt.Errorf("a repeated attempt got %s, at first %s", listed(c.out, nil), listed(a.got, nil))
	}
	a.visibleMs = nowMs + c.visibility
	for _, got := range a.got {
		p.find(got.seq).visibleMs = a.visibleMs
	}
	return true, nil
}

// offered are the messages that a receive may begin with.
func (p *naivePartition) offered(nowMs int64) []*naiveMsg {
	var offered []*naiveMsg
	seen := map[string]bool{}
	for _, m := range p.messages {
		if m.move > 0 || p.fifo && seen[m.group] {
			continue
		}
		seen[m.group] = true
		if m.visibleMs <= nowMs {
			offered = append(offered, m)
		}
	}
	return offered
}

// before returns a message of m's group that stands before it and is not in the answer.
func (p *naivePartition) before(m *naiveMsg, answer []appliedMsg) *naiveMsg {
	for _, other := range p.messages {
		if other.move == 0 && other.group == m.group && other.seq < m.seq && !slices.ContainsFunc(answer, func(got appliedMsg) bool { return got.seq == other.seq }) {
			return other
		}
	}
	return nil
}

// each carries out the entries of a command on handles, and compares the codes.
func (p *naivePartition) each(c *appliedCommand, do func(m *naiveMsg, handle appliedMsg) string) error {
	if err := want(c.code, "ok"); err != nil {
		return err
	}
	for i, handle := range c.handles {
		expected := do(p.find(handle.seq), handle)
		answer := "nothing"
		if i < len(c.codes) {
			answer = c.codes[i]
		}
		if answer != expected {
			return fmt.Errorf("the handle of receive %d of message %d was answered %s, must be %s", handle.receive, handle.seq, answer, expected)
		}
	}
	return nil
}

func (p *naivePartition) remove(nowMs int64, m *naiveMsg, handle appliedMsg) string {
	switch {
	case m == nil:
		return "ok"
	case handle.receive < 1 || handle.receive > m.receive:
		return "bad-command"
	case p.exact() && (handle.receive != m.receive || m.visibleMs <= nowMs):
		return "handle-expired"
	}
	p.messages = slices.DeleteFunc(p.messages, func(other *naiveMsg) bool { return other == m })
	return "ok"
}

func (p *naivePartition) hide(nowMs int64, m *naiveMsg, handle appliedMsg) string {
	switch {
	case m == nil || m.move > 0:
		return "not-in-flight"
	case handle.receive < 1 || handle.receive > m.receive:
		return "bad-command"
	case p.exact() && handle.receive != m.receive:
		return "handle-expired"
	case handle.ms > 0 && (nowMs-m.receivedMs)/1000*1000+handle.ms > naiveVisibilityMax:
		return "visibility-too-long"
	}
	m.visibleMs = nowMs + handle.ms
	return "ok"
}
