package linearizability

import (
	"cmp"
	"math"
	"slices"
)

// forever is later than every moment of a run. It is far enough from the largest number to be added to.
const forever int64 = math.MaxInt64 / 4

// second is one second in nanoseconds.
const second int64 = 1e9

// span is a span of time, both ends included.
type span struct{ from, to int64 }

// spans answers questions about many spans. All are added before seal, and all questions come after it.
type spans struct {
	byFrom []span
	// latest is the greatest end among byFrom up to an index, soonest the smallest end from an index on.
	latest, soonest []int64
	// byTo are the spans by falling end, and first the smallest begin among them up to an index.
	byTo  []span
	first []int64
}

func (s *spans) add(added span) { s.byFrom = append(s.byFrom, added) }

func (s *spans) seal() {
	slices.SortFunc(s.byFrom, func(a, b span) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to)) })
	s.byTo = slices.Clone(s.byFrom)
	slices.SortFunc(s.byTo, func(a, b span) int { return cmp.Or(cmp.Compare(b.to, a.to), cmp.Compare(a.from, b.from)) })
	n := len(s.byFrom)
	s.latest, s.soonest, s.first = make([]int64, n), make([]int64, n), make([]int64, n)
	for i := range n {
		s.latest[i], s.first[i] = s.byFrom[i].to, s.byTo[i].from
		if i > 0 {
			s.latest[i], s.first[i] = max(s.latest[i], s.latest[i-1]), min(s.first[i], s.first[i-1])
		}
	}
	for i := n - 1; i >= 0; i-- {
		s.soonest[i] = s.byFrom[i].to
		if i < n-1 {
			s.soonest[i] = min(s.soonest[i], s.soonest[i+1])
		}
	}
}

// touch reports whether a span has a moment in [from, to].
func (s *spans) touch(from, to int64) bool {
	n, _ := slices.BinarySearchFunc(s.byFrom, to, func(a span, to int64) int { return boolCompare(a.from <= to) })
	return n > 0 && s.latest[n-1] >= from
}

// over returns when the first span that begins at or after from is over, or forever.
func (s *spans) over(from int64) int64 {
	n, _ := slices.BinarySearchFunc(s.byFrom, from, func(a span, from int64) int { return boolCompare(a.from < from) })
	if n == len(s.byFrom) {
		return forever
	}
	return s.soonest[n]
}

// begin returns the earliest begin of a span that lasts until after or longer, or forever.
func (s *spans) begin(after int64) int64 {
	n, _ := slices.BinarySearchFunc(s.byTo, after, func(a span, after int64) int { return boolCompare(a.to >= after) })
	if n == 0 {
		return forever
	}
	return s.first[n-1]
}

// endedBefore returns how many spans were over before a moment.
func (s *spans) endedBefore(moment int64) int {
	n, _ := slices.BinarySearchFunc(s.byTo, moment, func(a span, moment int64) int { return boolCompare(a.to >= moment) })
	return len(s.byTo) - n
}

// boolCompare makes a binary search find the first element for which less is false.
func boolCompare(less bool) int {
	if less {
		return -1
	}
	return 1
}

// counter counts events up to a moment. All are added before seal, and all questions come after it.
type counter struct {
	moments []int64
	sums    []int
}

func (n *counter) add(moment int64, events int) {
	n.moments = append(n.moments, moment)
	n.sums = append(n.sums, events)
}

// seal relies on events being added in order of time, as operations are in a history.
func (n *counter) seal() {
	for i := 1; i < len(n.sums); i++ {
		n.sums[i] += n.sums[i-1]
	}
}

// before returns how many events there were at or before a moment.
func (n *counter) before(moment int64) int {
	at, _ := slices.BinarySearchFunc(n.moments, moment, func(a, moment int64) int { return boolCompare(a <= moment) })
	if at == 0 {
		return 0
	}
	return n.sums[at-1]
}

// first returns the moment of the first event, or forever.
func (n *counter) first() int64 {
	if len(n.moments) == 0 {
		return forever
	}
	return n.moments[0]
}
