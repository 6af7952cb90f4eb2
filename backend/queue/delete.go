package queue

// delete deletes the messages that the handles name. The result has one code per handle: OK, also for a message that is
// already gone; HandleExpired; or BadCommand for a handle that was never given out.
func (p *partition) delete(handles []Handle) *Result {
	result := &Result{Codes: make([]Code, len(handles))}
	for i, handle := range handles {
		result.Codes[i] = p.deleteOne(handle)
	}
	return result
}

func (p *partition) deleteOne(handle Handle) Code {
	m, ok := p.get(handle.Seq)
	switch {
	case !ok:
		return OK
	case !handle.givenOut(&m):
		return BadCommand
	case p.settings.exact() && (handle.Receive != m.receives || !m.hidden(p.advancedMs)):
		// Somebody else may hold the message, or a later one of its group: it would be processed twice, or out of the
		// group's order.
		return HandleExpired
	default:
		// Other queues take any handle of the message, also an old one (SQS-API.md 4.5).
		p.remove(m)
		return OK
	}
}

// givenOut reports whether handle can come from a receive of m.
func (h Handle) givenOut(m *message) bool { return h.Receive >= 1 && h.Receive <= m.receives }
