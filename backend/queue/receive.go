package queue

import "math"

// receive delivers up to r.Max visible messages and puts them in flight for r.VisibilityMs. That there are none is no
// error.
func (p *partition) receive(r *Receive) *Result {
	if p.settings.FIFO {
		return p.receiveFIFO(r)
	}
	if p.inFlight >= MaxInFlight {
		return &Result{Code: OverLimit}
	}
	taken, aside := p.deliverable(func() []message { return p.takeStandard(p.room(r)) })
	result := p.deliver(taken, r.VisibilityMs)
	result.Aside = aside
	return result
}

func (p *partition) receiveFIFO(r *Receive) *Result {
	if result := p.repeatAttempt(r); result != nil {
		return result
	}
	taken, aside := p.deliverable(func() []message { return p.takeFIFO(p.room(r)) })
	result := p.deliver(taken, r.VisibilityMs)
	result.Aside = aside
	p.rememberAttempt(r, result)
	return result
}

// room is how many messages a receive may deliver: what it asks for, within MaxInFlight.
func (p *partition) room(r *Receive) int { return max(0, min(r.Max, MaxInFlight-p.inFlight)) }

// takeStandard returns up to room visible messages, those first that became visible first unless a tenant is noisy.
func (p *partition) takeStandard(room int) []message {
	if len(p.tenants) > 0 {
		return p.takeFair(room)
	}
	taken := make([]message, 0, min(room, p.ready.Len()))
	p.ready.Ascend(func(at place) bool {
		if len(taken) >= room {
			return false
		}
		taken = append(taken, p.mustGet(at.seq))
		return true
	})
	return taken
}

// deliver counts one more receive of each message and hides it for visibilityMs, or removes it if it is delivered at
// most once. All of them were taken before, so even a timeout of 0 does not deliver a message twice in one result.
func (p *partition) deliver(taken []message, visibilityMs int64) *Result {
	if len(taken) == 0 {
		return &Result{}
	}
	result := &Result{Messages: make([]Message, len(taken))}
	for i, m := range taken {
		received := m
		if received.receives < math.MaxUint32 {
			received.receives++
		}
		if m.receives == 0 {
			received.firstReceiveMs = p.advancedMs
		}
		received.lastReceiveMs = p.advancedMs
		received.visibleAtMs = p.advancedMs + visibilityMs
		if p.settings.Delivery == AtMostOnce {
			p.remove(m)
		} else {
			p.change(m, received)
		}
		result.Messages[i] = received.delivery()
	}
	return result
}
