// Package sorted has the ordered set that a queue's data lives in: a B+ tree whose leaves are pages of values.
//
//	index (google/btree, copy on write):   [page 1]      [page 2]      [page 3]
//	pages (copy on write):                 1 2 3 5 6     7 8 11 12     13 14 ...
//
// A queue adds at the end, takes near the front and changes what it has just touched. So most operations need no search in
// the index: the last page and the page that was used last are known. An append writes one value and compares once, and
// pages that are filled in order are full. In a B-tree of values the same costs a search through all levels, and splits leave
// the nodes half empty: with it, a queue's state machine applied sends of ten messages at two thirds of the rate.
package sorted

import (
	"reflect"

	"github.com/google/btree"
)

const (
	// pageBytes is about what a full page of values takes, and what a change after Clone copies.
	pageBytes = 4096
	// minPageValues bounds the number of values in a full page from below, however large they are.
	minPageValues = 16
	// firstValues is for how many values a page that is filled has room at least.
	firstValues = 8
	// indexDegree is the degree of the tree of pages: nodes of up to 63 pointers.
	indexDegree = 32
	// shrinkBelow says when a page gives memory back: when it uses less than one part in so many of it. So a page of which
	// little is left costs little.
	shrinkBelow = 4
)

// Set is a set of values of type T in ascending order. New makes one.
//
// It is not safe for concurrent use, not even for reading. A clone is independent: one goroutine may use it while another
// uses the original.
type Set[T any] struct {
	compare func(a, b *T) int
	size    int // of a full page, in values
	len     int
	// owner is that of the pages that this set may write to; others are shared with a clone. It is nil until the first write.
	owner *owner
	// index has all pages, in order. No page is empty, so the first values of pages order them, and a change of a first value
	// that keeps the order of values keeps that of pages.
	index *btree.BTreeG[*page[T]]
	// last is the last page, nil if there is none, and recent one that was used lately, nil if none is known.
	last, recent *page[T]
	// search is nil before the first.
	search *search[T]
}

// search is what an operation looks for. Functions get pointers to it, and variables of the operation's own would be
// allocated each time.
type search[T any] struct {
	// wanted is a page with the one value that is looked for.
	wanted page[T]
	found  *page[T]
	// find is a visitor of the index that writes to found.
	find func(*page[T]) bool
}

// owner is compared by its address, so it must have a size.
type owner struct{ _ byte }

// page is a leaf: values in order.
type page[T any] struct {
	owner  *owner
	values []T
}

// New returns an empty set in the order of compare, which returns a negative number if a comes before b, a positive one if
// it comes after b, and 0 if both are the same value to the set. It must not change or keep what a and b point to.
func New[T any](compare func(a, b *T) int) *Set[T] {
	s := &Set[T]{compare: compare, size: max(minPageValues, pageBytes/int(reflect.TypeFor[T]().Size()))}
	// An idle queue should cost little, so there is no list of unused nodes.
	s.index = btree.NewWithFreeListG(indexDegree, func(a, b *page[T]) bool { return compare(&a.values[0], &b.values[0]) < 0 },
		btree.NewFreeListG[*page[T]](0))
	return s
}

// Clone returns a set with the same values. It copies none: both share all pages until one of them writes to a page, which
// it copies first. It takes time for the set's own fields only, however many values there are.
func (s *Set[T]) Clone() *Set[T] {
	s.owner = nil
	return &Set[T]{compare: s.compare, size: s.size, len: s.len, index: s.index.Clone(), last: s.last}
}

// Len returns the number of values.
func (s *Set[T]) Len() int { return s.len }

// Min returns the first value, or false if the set is empty.
func (s *Set[T]) Min() (T, bool) {
	if first, ok := s.index.Min(); ok {
		return first.values[0], true
	}
	var none T
	return none, false
}

// Max returns the last value, or false if the set is empty.
func (s *Set[T]) Max() (T, bool) {
	if s.last != nil {
		return s.last.values[len(s.last.values)-1], true
	}
	var none T
	return none, false
}

// Get returns the value that is the same as x, or false if there is none.
func (s *Set[T]) Get(x T) (T, bool) {
	if p, at, ok := s.seek(x); ok {
		return p.values[at], true
	}
	var none T
	return none, false
}

// Has reports whether there is a value that is the same as x.
func (s *Set[T]) Has(x T) bool {
	_, _, ok := s.seek(x)
	return ok
}

// ReplaceOrInsert stores x. If there was a value that is the same, x replaces it, and it is returned with true.
func (s *Set[T]) ReplaceOrInsert(x T) (T, bool) {
	p, at, ok := s.seek(x)
	if ok {
		p = s.own(p)
		old := p.values[at]
		p.values[at] = x
		return old, true
	}
	if p == s.last && (p == nil || at == len(p.values)) {
		s.push(x)
	} else {
		s.insert(p, at, x)
	}
	var none T
	return none, false
}

// push adds x behind all other values.
func (s *Set[T]) push(x T) {
	s.len++
	if s.last != nil && len(s.last.values) < s.size {
		p := s.own(s.last)
		if n := len(p.values); n == cap(p.values) {
			p.values = append(make([]T, 0, min(s.size, max(firstValues, 2*n))), p.values...)
		}
		p.values = append(p.values, x)
		return
	}
	room := s.size // for more that is to be expected
	if s.last == nil {
		room = firstValues
	}
	p := &page[T]{owner: s.writer(), values: append(make([]T, 0, room), x)}
	s.index.ReplaceOrInsert(p)
	s.last = p
}

// insert adds x to p, before the value at a place. x may come before all values of p only if p is the first page.
func (s *Set[T]) insert(p *page[T], at int, x T) {
	s.len++
	p = s.own(p)
	if len(p.values) >= s.size {
		half := len(p.values) / 2
		second := &page[T]{owner: s.writer(), values: append(make([]T, 0, s.size), p.values[half:]...)}
		clear(p.values[half:])
		p.values = p.values[:half]
		s.index.ReplaceOrInsert(second)
		if p == s.last {
			s.last = second
		}
		if at > half {
			p, at = second, at-half
		}
	}
	var none T
	p.values = append(p.values, none)
	copy(p.values[at+1:], p.values[at:])
	p.values[at] = x
	s.recent = p
}

// Delete removes the value that is the same as x and returns it, or returns false if there is none.
func (s *Set[T]) Delete(x T) (T, bool) {
	p, at, ok := s.seek(x)
	if !ok {
		var none T
		return none, false
	}
	return s.remove(p, at), true
}

// DeleteMin removes the first value and returns it, or returns false if the set is empty.
func (s *Set[T]) DeleteMin() (T, bool) {
	first, ok := s.index.Min()
	if !ok {
		var none T
		return none, false
	}
	return s.remove(first, 0), true
}

// DeleteLessThan removes the values that come before x.
func (s *Set[T]) DeleteLessThan(x T) {
	wanted := s.want(x)
	defer s.search.forget()
	for s.len > 0 {
		first, _ := s.index.Min()
		n := 0
		for n < len(first.values) && s.compare(&first.values[n], wanted) < 0 {
			n++
		}
		switch n {
		case 0:
			return
		case len(first.values):
			s.len -= n
			s.drop(first)
		default:
			s.len -= n
			first = s.own(first)
			clear(first.values[:n])
			first.values = first.values[n:]
			return
		}
	}
}

// drop removes a page with all its values.
func (s *Set[T]) drop(p *page[T]) {
	s.index.Delete(p)
	if p == s.last {
		s.last, _ = s.index.Max()
	}
	if p == s.recent {
		s.recent = nil
	}
}

// remove removes the value at a place of p.
func (s *Set[T]) remove(p *page[T], at int) T {
	s.len--
	removed := p.values[at]
	if len(p.values) == 1 {
		s.drop(p)
		return removed
	}
	p = s.own(p)
	var none T
	if last := len(p.values) - 1; at <= last/2 { // the shorter side moves
		copy(p.values[1:at+1], p.values[:at])
		p.values[0] = none
		p.values = p.values[1:]
	} else {
		copy(p.values[at:], p.values[at+1:])
		p.values[last] = none
		p.values = p.values[:last]
	}
	if p != s.last && len(p.values)*shrinkBelow < cap(p.values) {
		p.values = append(make([]T, 0, len(p.values)), p.values...)
	}
	return removed
}

// Ascend calls visit with the values in order until it returns false. visit must not change the set.
func (s *Set[T]) Ascend(visit func(T) bool) {
	s.index.Ascend(func(p *page[T]) bool { return p.ascend(0, visit) })
}

// AscendGreaterOrEqual is Ascend from the first value that does not come before x.
func (s *Set[T]) AscendGreaterOrEqual(x T, visit func(T) bool) {
	if s.len == 0 {
		return
	}
	start, at, _ := s.seek(x)
	s.index.AscendGreaterOrEqual(start, func(p *page[T]) bool {
		from := 0
		if p == start {
			from = at
		}
		return p.ascend(from, visit)
	})
}

// AscendLessThan is Ascend through the values that come before x.
func (s *Set[T]) AscendLessThan(x T, visit func(T) bool) {
	s.index.Ascend(func(p *page[T]) bool {
		for i := range p.values {
			if s.compare(&p.values[i], &x) >= 0 || !visit(p.values[i]) {
				return false
			}
		}
		return true
	})
}

func (p *page[T]) ascend(from int, visit func(T) bool) bool {
	for i := from; i < len(p.values); i++ {
		if !visit(p.values[i]) {
			return false
		}
	}
	return true
}

// seek returns where x is, or else where it belongs: the page that has the values around it, and its place there. The page
// is nil if the set is empty.
func (s *Set[T]) seek(x T) (p *page[T], at int, found bool) {
	if s.last == nil {
		return nil, 0, false
	}
	wanted := s.want(x)
	defer s.search.forget()
	switch last, recent := s.last, s.recent; {
	case s.compare(wanted, &last.values[len(last.values)-1]) > 0:
		return last, len(last.values), false
	case s.compare(wanted, &last.values[0]) >= 0:
		p = last
	case recent != nil && s.compare(wanted, &recent.values[0]) >= 0 && s.compare(wanted, &recent.values[len(recent.values)-1]) <= 0:
		p = recent
	default:
		p = s.search.in(s.index)
		s.recent = p
	}
	low, high := 0, len(p.values)
	for low < high {
		middle := int(uint(low+high) / 2)
		switch c := s.compare(wanted, &p.values[middle]); {
		case c == 0:
			return p, middle, true
		case c < 0:
			high = middle
		default:
			low = middle + 1
		}
	}
	return p, low, false
}

// want returns a pointer to x that functions may get, until s.search.forget.
func (s *Set[T]) want(x T) *T {
	if s.search == nil {
		s.search = newSearch[T]()
	}
	s.search.wanted.values[0] = x
	return &s.search.wanted.values[0]
}

func newSearch[T any]() *search[T] {
	s := &search[T]{wanted: page[T]{values: make([]T, 1)}}
	s.find = func(p *page[T]) bool {
		s.found = p
		return false
	}
	return s
}

// in returns the last page whose first value does not come after the wanted one, or the first page if there is none.
func (s *search[T]) in(index *btree.BTreeG[*page[T]]) *page[T] {
	s.found = nil
	index.DescendLessOrEqual(&s.wanted, s.find)
	if s.found == nil {
		s.found, _ = index.Min()
	}
	return s.found
}

// forget lets go of what has been looked for and found.
func (s *search[T]) forget() {
	var none T
	s.wanted.values[0], s.found = none, nil
}

// writer returns the owner of pages that the set may write to.
func (s *Set[T]) writer() *owner {
	if s.owner == nil {
		s.owner = &owner{}
	}
	return s.owner
}

// own returns p if the set may write to it, and else a copy that it has put in p's place.
func (s *Set[T]) own(p *page[T]) *page[T] {
	if p.owner == s.writer() {
		return p
	}
	mine := &page[T]{owner: s.writer(), values: append(make([]T, 0, max(len(p.values), min(s.size, cap(p.values)))), p.values...)}
	s.index.ReplaceOrInsert(mine)
	if p == s.last {
		s.last = mine
	}
	if p == s.recent {
		s.recent = mine
	}
	return mine
}
