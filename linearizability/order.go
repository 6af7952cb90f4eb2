package linearizability

import (
	"cmp"
	"slices"
	"strings"
)

// Does each message group of a FIFO queue keep its order?

// checkOrder applies sequence, sequence-order and fifo-order.
func (c *checker) checkOrder(q *queue) {
	if !q.fifo {
		return
	}
	for _, m := range q.messages {
		c.checkNumber(m)
	}
	c.checkBatches(q)
	q.lineups = groupsOf(q)
	for _, g := range q.lineups {
		c.checkNumbers(g)
		c.checkWitness(g)
		c.checkTakes(g)
	}
}

// numberDigitsMax is how many digits a sequence number has at most.
const numberDigitsMax = 20

// canonicalNumber cuts the leading zeros that differ between equal numbers.
func canonicalNumber(number string) string {
	if trimmed := strings.TrimLeft(number, "0"); trimmed != "" || number == "" {
		return trimmed
	}
	return "0"
}

// compareNumbers compares canonical numbers.
func compareNumbers(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) }

// checkNumber checks that all that name m's sequence number name the same, and a number.
func (c *checker) checkNumber(m *message) {
	type naming struct {
		op     *Operation
		number string
	}
	var first naming
	check := func(n naming) bool {
		if n.number == "" {
			return true
		}
		c.judged(Sequence)
		if len(n.number) > numberDigitsMax || strings.Trim(n.number, "0123456789") != "" {
			c.broken(Sequence, []int{n.op.ID}, "%s has the sequence number %q", m.title(), n.number)
			return false
		}
		if first.op == nil {
			first = n
		}
		if canonicalNumber(first.number) != canonicalNumber(n.number) {
			c.broken(Sequence, []int{first.op.ID, n.op.ID}, "%s has the sequence number %s according to the %s at %s and %s according to the %s at %s",
				m.title(), first.number, first.op.Kind, at(first.op.Return), n.number, n.op.Kind, at(n.op.Return))
			return false
		}
		return true
	}
	for _, op := range m.answers {
		if !check(naming{op, op.SequenceNumber}) {
			return
		}
	}
	for _, r := range m.receipts {
		if !check(naming{r.op, r.out.SequenceNumber}) {
			return
		}
	}
}

// checkBatches checks that the entries of a batch that became messages of one group have rising numbers.
func (c *checker) checkBatches(q *queue) {
	type line struct {
		batch int
		group string
	}
	var entries []*message
	for _, m := range q.messages {
		// Only a message with a single possible creator is certainly not older than the batch.
		if len(m.creators) != 1 || len(m.answers) != 1 || m.number == "" || m.group == "" {
			continue
		}
		if op := m.answers[0]; op.Batch != 0 && op.Tries <= 1 && op == m.creators[0] {
			entries = append(entries, m)
		}
	}
	slices.SortFunc(entries, func(a, b *message) int { return cmp.Compare(a.answers[0].ID, b.answers[0].ID) })
	latest := map[line]*message{}
	for _, m := range entries {
		c.judged(SequenceOrder)
		at := line{m.answers[0].Batch, m.group}
		if before := latest[at]; before != nil && compareNumbers(before.number, m.number) >= 0 {
			c.broken(SequenceOrder, append(before.witness(), m.witness()...),
				"%s was listed before %s in one batch and has the sequence number %s, not below %s",
				before.title(), m.title(), before.number, m.number)
		}
		latest[at] = m
	}
}

// lineup is one message group: its messages by rising number.
type lineup struct {
	queue    *queue
	messages []*message
	// rank is each message's index.
	rank map[*message]int
	// takes are the receives of messages of the group, by rising Return.
	takes []take
}

// take is what one receive handed out of a group.
type take struct {
	op    *Operation
	ranks []int
}

// groupsOf returns the queue's groups, in the order in which their first messages appear. Messages whose number, group
// or incarnation is not certain are left out.
func groupsOf(q *queue) []*lineup {
	type name struct {
		incarnation int
		group       string
	}
	byName := map[name]*lineup{}
	lineupOf := map[*message]*lineup{}
	var lineups []*lineup
	for _, m := range q.messages {
		if m.number == "" || m.group == "" || m.incarnation < 0 || len(m.creators) == 0 {
			continue
		}
		g := byName[name{m.incarnation, m.group}]
		if g == nil {
			g = &lineup{queue: q, rank: map[*message]int{}}
			byName[name{m.incarnation, m.group}] = g
			lineups = append(lineups, g)
		}
		g.messages = append(g.messages, m)
		lineupOf[m] = g
	}
	for _, g := range lineups {
		slices.SortStableFunc(g.messages, func(a, b *message) int { return compareNumbers(a.number, b.number) })
		for i, m := range g.messages {
			g.rank[m] = i
		}
	}
	for _, op := range q.receives {
		for i := range op.Messages {
			m := q.stay(&op.Messages[i])
			g := lineupOf[m]
			if g == nil {
				continue
			}
			if n := len(g.takes); n == 0 || g.takes[n-1].op != op {
				g.takes = append(g.takes, take{op: op})
			}
			last := &g.takes[len(g.takes)-1]
			last.ranks = append(last.ranks, g.rank[m])
		}
	}
	for _, g := range lineups {
		slices.SortStableFunc(g.takes, func(a, b take) int { return cmp.Compare(a.op.Return, b.op.Return) })
	}
	return lineups
}

// checkNumbers checks that no two messages of a group have the same number.
func (c *checker) checkNumbers(g *lineup) {
	for i, m := range g.messages[1:] {
		c.judged(Sequence)
		if before := g.messages[i]; before.number == m.number {
			c.broken(Sequence, append(before.witness(), m.witness()...), "%s and %s of group %q have the same sequence number %s",
				before.title(), m.title(), m.group, m.number)
		}
	}
}

// checkWitness checks the sequence numbers against real time: what was certainly stored first has the lower number.
func (c *checker) checkWitness(g *lineup) {
	earliest := g.messages[len(g.messages)-1] // of those with higher numbers, the one that was stored soonest
	for i := len(g.messages) - 2; i >= 0; i-- {
		c.judged(SequenceOrder)
		m := g.messages[i]
		if earliest.bornBy < m.bornFrom && earliest.number != m.number {
			c.broken(SequenceOrder, append(earliest.witness(), m.witness()...),
				"%s was in group %q by %s and %s was sent at %s, but their sequence numbers are %s and %s",
				earliest.title(), m.group, at(earliest.bornBy), m.title(), at(m.bornFrom), earliest.number, m.number)
		}
		if m.bornBy < earliest.bornBy {
			earliest = m
		}
	}
}

// checkTakes checks that every receive took the group's messages from the first on. Receives are visited by Return, and
// messages that may have been gone by then are left out, for good.
func (c *checker) checkTakes(g *lineup) {
	byEnd := make([]int, len(g.messages))
	for i := range byEnd {
		byEnd[i] = i
	}
	slices.SortStableFunc(byEnd, func(a, b int) int { return cmp.Compare(g.messages[a].thereUntil, g.messages[b].thereUntil) })
	there := newRemaining(len(g.messages))
	removed := 0
	for _, t := range g.takes {
		c.judged(FIFOOrder)
		if !slices.IsSorted(t.ranks) {
			c.broken(FIFOOrder, []int{t.op.ID}, "the receive at %s got messages of group %q in another order than that of their sequence numbers: %s",
				at(t.op.Return), g.messages[t.ranks[0]].group, g.list(t.ranks))
		}
		for removed < len(byEnd) && g.messages[byEnd[removed]].thereUntil < t.op.Return {
			there.remove(byEnd[removed])
			removed++
		}
		taken := slices.Clone(t.ranks)
		slices.Sort(taken)
		last := taken[len(taken)-1]
		for rank := there.next(0); rank < last; rank = there.next(rank + 1) {
			if _, ok := slices.BinarySearch(taken, rank); ok {
				continue
			}
			skipped, got := g.messages[rank], g.messages[last]
			if skipped.bornFrom > t.op.Return {
				break // its number is wrong, which checkWitness reports
			}
			c.broken(FIFOOrder, append(skipped.evidence(t.op), append(got.witness(), t.op.ID)...),
				"%s (number %s) was received at %s while %s (number %s), an earlier message of group %q, was still in the queue",
				got.title(), got.number, at(t.op.Return), skipped.title(), skipped.number, skipped.group)
			break
		}
	}
}

// list names the messages of the given ranks.
func (g *lineup) list(ranks []int) string {
	names := make([]string, len(ranks))
	for i, rank := range ranks {
		names[i] = g.messages[rank].id + " (number " + g.messages[rank].number + ")"
	}
	return strings.Join(names, ", ")
}

// evidence is what shows that m was in its queue while op took another message: its storage, and its last receipt if that
// came later.
func (m *message) evidence(op *Operation) []int {
	ids := m.witness()
	if n := len(m.receipts); n > 0 && m.receipts[n-1].op.Call >= op.Return {
		ids = append(ids, m.receipts[n-1].op.ID)
	}
	return ids
}

// remaining is the set of those of the numbers 0 to n-1 that were not removed.
type remaining struct {
	// after leads from a removed number towards the next remaining one, which leads to itself, as does n.
	after []int
}

func newRemaining(n int) *remaining {
	r := &remaining{after: make([]int, n+1)}
	for i := range r.after {
		r.after[i] = i
	}
	return r
}

func (r *remaining) remove(i int) { r.after[i] = i + 1 }

// next returns the first remaining number from i on, or n.
func (r *remaining) next(i int) int {
	for r.after[i] != i {
		r.after[i] = r.after[r.after[i]]
		i = r.after[i]
	}
	return i
}
