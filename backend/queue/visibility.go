package queue

// changeVisibility sets new deadlines. The result has one code per change: OK, NotInFlight, HandleExpired,
// VisibilityTooLong, or BadCommand for a handle that was never given out.
func (p *partition) changeVisibility(changes []VisibilityChange) *Result {
	result := &Result{Codes: make([]Code, len(changes))}
	for i := range changes {
		result.Codes[i] = p.changeOne(&changes[i])
	}
	return result
}

// changeOne sets one deadline, counted from now. A message that has become visible again but was not received since
// may be hidden again. On a standard queue an old handle acts on the current flight (SQS-API.md 4.6); on a queue that is
// exact it would let a consumer that lost the message make it visible under the one that has it.
func (p *partition) changeOne(change *VisibilityChange) Code {
	m, ok := p.get(change.Seq)
	switch {
	case !ok || m.move != 0:
		return NotInFlight
	case !change.givenOut(&m):
		return BadCommand
	case p.settings.exact() && change.Receive != m.receives:
		return HandleExpired
	case p.beyondMaxVisibility(&m, change.VisibilityMs):
		return VisibilityTooLong
	}
	changed := m
	changed.visibleAtMs = p.advancedMs + change.VisibilityMs
	p.change(m, changed)
	return OK
}

// beyondMaxVisibility reports whether a timeout from now would pass MaxVisibilityMs since the receive. SQS states the
// limit in seconds, so only whole seconds since the receive count: the longest timeout, set right after a receive, is
// accepted.
func (p *partition) beyondMaxVisibility(m *message, visibilityMs int64) bool {
	elapsedMs := (p.advancedMs - m.lastReceiveMs) / 1000 * 1000
	return visibilityMs > 0 && elapsedMs+visibilityMs > MaxVisibilityMs
}
