package queue

import (
	"cmp"
	"fmt"
	"slices"

	"chasqui/backend/queue/sorted"
)

// A client that gets no answer does not know whether its command was applied, so it sends the command again; so that
// the message is not sent, or received, twice, the machine remembers what it answered. This is RIFL (Lee et al., SOSP
// 2015), which the raft dissertation describes in section 6.3: the client numbers its commands, and says with each
// one from which number on it still awaits answers.
//
//	                 LowWater                    Seq
//	...  stale  ...  |  kept  kept   -   kept  |  new command
//	   never again   |  repeated: answered     |  executed, result kept
//
// Commands may arrive in any order (the gap above), as a client has many under way at once.
type session struct {
	// lowWater is the greatest LowWater seen; no command below it is executed.
	lowWater uint64
	// lastMs is the replicated time of the latest command; SessionIdleMs later the session is forgotten.
	lastMs int64
	// kept has what is remembered of commands, by their Seq. New ones come at its end, nearly always, and old ones leave at
	// its beginning.
	kept *sorted.Set[keptResult]
}

func newSession() *session { return &session{kept: sorted.New(compareKept)} }

// keptResult is what a session remembers of one executed command. It never changes once stored.
type keptResult struct {
	seq       uint64
	partition PartitionID
	code      Code
	sent      []Sent
	codes     []Code
	// delivered stands for the messages of a receive, which live in the partition: their bodies are not kept twice.
	delivered []Handle
	// taken are the messages of a receive that removed them; they live nowhere else. A client's next command says that
	// it has them, so they are as many as one client has receives under way.
	taken []Message
}

func compareKept(a, b *keptResult) int { return cmp.Compare(a.seq, b.seq) }

// sessionTable holds all sessions of a slot, by their ids.
type sessionTable map[uint64]*session

// executeOnce executes c unless its session shows that it was executed before or must not be any more.
func (m *Machine) executeOnce(c *Command) *Result {
	s := m.sessions.open(c.Session, m.nowMs)
	if s == nil {
		return &Result{Code: Overloaded}
	}
	s.raise(c.LowWater)
	if c.Seq < s.lowWater {
		return &Result{Code: StaleSession}
	}
	if kept, ok := s.kept.Get(keptResult{seq: c.Seq}); ok {
		return m.repeat(&kept)
	}
	if s.kept.Len() >= MaxKeptResults {
		return &Result{Code: Overloaded}
	}
	result := m.execute(c)
	if !result.Code.Refused() && !c.onlyReads() {
		if _, twice := s.kept.ReplaceOrInsert(m.remember(c, result)); twice {
			panic(fmt.Sprintf("session %d: seq %d executed twice", c.Session, c.Seq))
		}
	}
	return result
}

// onlyReads reports whether a command changes nothing, so that it may as well be executed again.
func (c *Command) onlyReads() bool { return c.Kind == KindMoveTask && c.MoveTask.Operation == TaskList }

// open returns the session id as of nowMs, creating it if needed, or nil if there are too many.
func (t sessionTable) open(id uint64, nowMs int64) *session {
	s := t[id]
	if s != nil && s.idle(nowMs) {
		s = nil
	}
	if s == nil {
		if len(t) >= MaxSessions {
			t.sweep(nowMs)
		}
		if len(t) >= MaxSessions {
			return nil
		}
		s = newSession()
		t[id] = s
	}
	s.lastMs = nowMs
	return s
}

// idle reports whether the session's time is over at nowMs.
func (s *session) idle(nowMs int64) bool { return s.lastMs+SessionIdleMs <= nowMs }

// sweep forgets every session whose time is over.
func (t sessionTable) sweep(nowMs int64) {
	for id, s := range t {
		if s.idle(nowMs) {
			delete(t, id)
		}
	}
}

// raise moves the session's low water mark up to lowWater and discards the results below it.
func (s *session) raise(lowWater uint64) {
	if lowWater <= s.lowWater {
		return
	}
	s.lowWater = lowWater
	s.kept.DeleteLessThan(keptResult{seq: lowWater})
}

// remember turns the result of c into what is kept of it.
func (m *Machine) remember(c *Command, result *Result) keptResult {
	kept := keptResult{seq: c.Seq, partition: c.Partition, code: result.Code, sent: result.Sent, codes: result.Codes}
	if p := m.partitions[c.Partition]; p != nil && p.settings.Delivery == AtMostOnce {
		kept.taken = slices.Clone(result.Messages)
		for i := range kept.taken {
			kept.taken[i].separate()
		}
	} else if len(result.Messages) > 0 {
		kept.delivered = make([]Handle, len(result.Messages))
		for i := range result.Messages {
			kept.delivered[i] = result.Messages[i].Handle()
		}
	}
	return kept
}

// repeat gives a kept result once more. Of a receive's messages it leaves out those that were deleted since, and
// those received again since, for they are another receiver's now, or set aside.
func (m *Machine) repeat(kept *keptResult) *Result {
	result := &Result{Code: kept.code, Sent: kept.sent, Codes: kept.codes, Messages: kept.taken}
	p := m.partitions[kept.partition]
	if len(kept.delivered) == 0 || p == nil {
		return result
	}
	p.advance(m.nowMs)
	for _, handle := range kept.delivered {
		if message, ok := p.get(handle.Seq); ok && message.receives == handle.Receive && message.move == 0 {
			result.Messages = append(result.Messages, message.delivery())
		}
	}
	return result
}
