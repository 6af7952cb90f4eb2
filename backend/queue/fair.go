package queue

import (
	"cmp"
	"slices"

	"chasqui/backend/queue/sorted"
)

// Fair queues: on a standard queue a message group is a tenant, and a tenant that keeps the consumers busy must not make the
// others wait (SQS developer guide, "How Amazon SQS fair queues work"; SQS-API.md 7). A receive delivers
//
//  1. the messages of quiet tenants, those first that became visible first,
//  2. what room is left, the messages of noisy tenants: always one of the tenant that has the fewest in flight.
//
// A message without a group is a tenant of its own, and quiet. Nothing is dropped, throttled or locked, and with one tenant,
// or none that is noisy, the order is that of any standard queue.
//
// A tenant is noisy while it has at least noisyInFlight messages in flight and more than a tenth of the partition's, or while
// more than a tenth of the processing time of late was its own. Processing time is what messages spend in flight: ten in
// flight for a second are ten seconds. The first measure knows a crowd at once; the second knows the past, so that also a
// single consumer, which has nothing in flight whenever it receives, serves all tenants. What a receive removes at once
// (AtMostOnce) is never in flight: there every tenant is quiet.
//
// Fewer than ten tenants can have more than a tenth each, so a receive passes over at most some twenty of them.

const (
	// noisyInFlight is how many messages a tenant must have in flight to be noisy for their number (SQS: 30).
	noisyInFlight = 30
	// noisyParts is into how many equal parts the consumers' capacity is cut; a noisy tenant has more than one (SQS: 10 %).
	noisyParts = 10
	// loadWindowMs is the length of a window of measurement. What happened in the current one and in the one before counts.
	loadWindowMs = 60 * 1000
)

// tenant is the visible messages of one message group of a standard partition. It exists while there are any.
type tenant struct {
	group string
	ready *sorted.Set[place]
	// listedAt is the first of ready, which stands in partition.ready for all of them.
	listedAt place
}

// load is how busy a tenant keeps the consumers. It exists from the moment when a message of the group is in flight until
// the group has none that is in flight or visible.
type load struct {
	group    string
	inFlight int
	spent    meter
}

func compareLoads(a, b *load) int { return cmp.Compare(a.group, b.group) }

// meter measures processing time, in message milliseconds.
type meter struct {
	// atMs is up to when it has measured.
	atMs int64
	// window is what was spent in the window that atMs is in, before what was spent in the one before.
	window, before int64
}

// pass measures inFlight messages until nowMs. Passing an interval in parts comes to the same as passing it at once.
func (m *meter) pass(nowMs int64, inFlight int) {
	if nowMs <= m.atMs {
		return
	}
	count, endMs, startMs := int64(inFlight), m.atMs-m.atMs%loadWindowMs+loadWindowMs, nowMs-nowMs%loadWindowMs
	switch {
	case nowMs < endMs:
		m.window += count * (nowMs - m.atMs)
	case startMs == endMs:
		m.before, m.window = m.window+count*(endMs-m.atMs), count*(nowMs-startMs)
	default:
		m.before, m.window = count*loadWindowMs, count*(nowMs-startMs)
	}
	m.atMs = nowMs
}

// recent returns what was spent until nowMs in the current window and the one before.
func (m meter) recent(nowMs int64, inFlight int) int64 {
	m.pass(nowMs, inFlight)
	return m.window + m.before
}

// offer enters a visible message of a standard queue into ready.
func (p *partition) offer(at place, group string) {
	if !at.grouped {
		p.ready.ReplaceOrInsert(at)
		return
	}
	t := p.tenants[group]
	if t == nil {
		t = &tenant{group: group, ready: sorted.New(comparePlaces)}
		t.ready.ReplaceOrInsert(at)
		t.listedAt = at
		p.ready.ReplaceOrInsert(at)
		if p.tenants == nil {
			p.tenants = map[string]*tenant{}
		}
		p.tenants[group] = t
		return
	}
	t.ready.ReplaceOrInsert(at)
	p.relist(t)
}

// withdraw takes a visible message of a standard queue out of ready, and reports whether it was there.
func (p *partition) withdraw(at place, group string) bool {
	if !at.grouped {
		_, ok := p.ready.Delete(at)
		return ok
	}
	t := p.tenants[group]
	if t == nil {
		return false
	}
	_, ok := t.ready.Delete(at)
	p.relist(t)
	return ok
}

// relist gives t the place in partition.ready of its first message, and forgets it if it has none.
func (p *partition) relist(t *tenant) {
	first, ok := t.ready.Min()
	if ok && first == t.listedAt {
		return
	}
	p.ready.Delete(t.listedAt)
	if !ok {
		delete(p.tenants, t.group)
		return
	}
	t.listedAt = first
	p.ready.ReplaceOrInsert(first)
}

// takeOff counts a message that goes in flight at p.advancedMs. For a partition that has no loads it does nothing but count.
func (p *partition) takeOff(group string) {
	if group != "" && !p.settings.FIFO {
		l, ok := p.loads.Get(load{group: group})
		if !ok {
			if p.loads.Len() == 0 {
				p.spent = meter{atMs: p.advancedMs}
			}
			l = load{group: group, spent: meter{atMs: p.advancedMs}}
		}
		l.spent.pass(p.advancedMs, l.inFlight)
		l.inFlight++
		p.loads.ReplaceOrInsert(l)
	}
	if p.loads.Len() > 0 {
		p.spent.pass(p.advancedMs, p.inFlight)
	}
	p.inFlight++
}

// land counts a message that was in flight until endMs.
func (p *partition) land(endMs int64, group string) {
	if p.loads.Len() > 0 {
		p.spent.pass(endMs, p.inFlight)
		if l, ok := p.loads.Get(load{group: group}); ok {
			l.spent.pass(endMs, l.inFlight)
			l.inFlight--
			p.loads.ReplaceOrInsert(l)
		}
	}
	p.inFlight--
}

// forgetLoad forgets the load of a group that has no message in flight or visible.
func (p *partition) forgetLoad(group string) {
	if p.loads.Len() == 0 || p.tenants[group] != nil {
		return
	}
	if l, ok := p.loads.Get(load{group: group}); ok && l.inFlight == 0 {
		p.loads.Delete(l)
	}
}

// noisy reports whether a tenant with load l is noisy.
func (p *partition) noisy(l *load) bool {
	crowd := l.inFlight >= noisyInFlight && l.inFlight*noisyParts > p.inFlight
	return crowd || l.spent.recent(p.advancedMs, l.inFlight)*noisyParts > p.spent.recent(p.advancedMs, p.inFlight)
}

// takeFair returns up to room visible messages of a partition that has tenants, in the order said above.
func (p *partition) takeFair(room int) []message {
	quiet := make([]place, 0, room+1)
	full := func(at place) bool { return len(quiet) == room && !lessPlace(at, quiet[room-1]) }
	add := func(at place) bool {
		if full(at) {
			return false
		}
		i, _ := slices.BinarySearchFunc(quiet, at, func(a, b place) int { return comparePlaces(&a, &b) })
		quiet = slices.Insert(quiet, i, at)
		quiet = quiet[:min(len(quiet), room)]
		return true
	}
	var noisy []rival
	p.ready.Ascend(func(first place) bool {
		if full(first) {
			return false
		}
		if !first.grouped {
			return add(first)
		}
		t := p.tenants[p.mustGet(first.seq).content.group]
		if l, ok := p.loads.Get(load{group: t.group}); ok && p.noisy(&l) {
			noisy = append(noisy, rival{inFlight: l.inFlight, tenant: t})
		} else {
			t.ready.Ascend(add)
		}
		return true
	})
	taken := make([]message, 0, room)
	for _, at := range quiet {
		taken = append(taken, p.mustGet(at.seq))
	}
	for _, at := range takeTurns(noisy, room-len(taken)) {
		taken = append(taken, p.mustGet(at.seq))
	}
	return taken
}

// rival is a noisy tenant that waits for what room is left.
type rival struct {
	tenant *tenant
	// inFlight counts its messages in flight and those taken.
	inFlight int
	// waiting are its first visible messages that are not taken.
	waiting []place
}

// takeTurns returns up to room messages of noisy tenants, each of the one that has the fewest in flight by then. Of those
// that have equally many it is the one whose message became visible first.
func takeTurns(rivals []rival, room int) []place {
	if room == 0 {
		return nil
	}
	for i := range rivals {
		r := &rivals[i]
		r.tenant.ready.Ascend(func(at place) bool {
			r.waiting = append(r.waiting, at)
			return len(r.waiting) < room
		})
	}
	var taken []place
	for len(taken) < room && len(rivals) > 0 {
		next := &rivals[0]
		for i := range rivals {
			r := &rivals[i]
			if r.inFlight < next.inFlight || r.inFlight == next.inFlight && lessPlace(r.waiting[0], next.waiting[0]) {
				next = r
			}
		}
		taken = append(taken, next.waiting[0])
		next.inFlight++
		if next.waiting = next.waiting[1:]; len(next.waiting) == 0 {
			*next = rivals[len(rivals)-1]
			rivals = rivals[:len(rivals)-1]
		}
	}
	return taken
}
