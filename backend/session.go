package backend

import "sync"

// session numbers the commands that this client sends to one slot, so that the slot's state machine can tell a
// repeated command from another one (backend/queue, session.go).
type session struct {
	id uint64

	mu   sync.Mutex // guards the fields below
	low  uint64     // the lowest number whose answer is awaited; all below are settled
	done []bool     // done[i]: number low+i is settled
}

func newSession(id uint64) *session { return &session{id: id, low: 1} }

// begin returns a new number and the lowest one whose answer is still awaited.
func (s *session) begin() (seq, lowWater uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done = append(s.done, false)
	return s.low + uint64(len(s.done)) - 1, s.low
}

// end settles a number: its answer has come, or nobody waits for it any longer.
func (s *session) end(seq uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done[seq-s.low] = true
	n := 0
	for n < len(s.done) && s.done[n] {
		n++
	}
	s.done = s.done[n:]
	s.low += uint64(n)
}
