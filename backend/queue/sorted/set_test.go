package sorted

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/btree"
	"github.com/stretchr/testify/require"
)

// value has a key, a content that is not compared, and padding that makes pages small.
type value struct {
	key     int
	content int
	_       [112]byte
}

func compareValues(a, b *value) int { return cmp.Compare(a.key, b.key) }

// checked is a set beside a tree that must always have the same values.
type checked struct {
	t   require.TestingT
	set *Set[value]
	ref *btree.BTreeG[value]
}

func newChecked(t require.TestingT) checked {
	return checked{t, New(compareValues), btree.NewG(4, func(a, b value) bool { return a.key < b.key })}
}

func (c checked) clone() checked { return checked{c.t, c.set.Clone(), c.ref.Clone()} }

func collect[V ~func(value) bool](ascend func(V)) []value {
	all := []value{}
	ascend(func(v value) bool {
		all = append(all, v)
		return true
	})
	return all
}

// equal compares many values: require.Equal takes its time, and is for when it fails.
func (c checked) equal(want, got []value) {
	if !slices.Equal(want, got) {
		require.Equal(c.t, want, got)
	}
}

// same checks all values and the set's structure.
func (c checked) same() {
	require.Equal(c.t, c.ref.Len(), c.set.Len())
	c.equal(collect(c.ref.Ascend), collect(c.set.Ascend))
	wantMin, wantOK := c.ref.Min()
	gotMin, gotOK := c.set.Min()
	require.Equal(c.t, wantOK, gotOK)
	require.Equal(c.t, wantMin, gotMin)
	wantMax, _ := c.ref.Max()
	gotMax, gotOK := c.set.Max()
	require.Equal(c.t, wantOK, gotOK)
	require.Equal(c.t, wantMax, gotMax)
	if s := c.set.search; s != nil {
		require.Zero(c.t, s.wanted.values[0], "keeps memory alive")
		require.Nil(c.t, s.found, "keeps memory alive")
	}
	last, _ := c.set.index.Max()
	require.Same(c.t, last, c.set.last)
	recent := c.set.recent == nil
	c.set.index.Ascend(func(p *page[value]) bool {
		require.NotEmpty(c.t, p.values)
		require.LessOrEqual(c.t, len(p.values), c.set.size)
		recent = recent || p == c.set.recent
		return true
	})
	require.True(c.t, recent, "the page used last is not in the index")
}

func (c checked) do(op, key, content int) {
	v := value{key: key, content: content}
	var want, got value
	var wantOK, gotOK bool
	switch op % 9 {
	case 0, 1:
		want, wantOK = c.ref.ReplaceOrInsert(v)
		got, gotOK = c.set.ReplaceOrInsert(v)
	case 2:
		v.key = 0
		if most, ok := c.ref.Max(); ok {
			v.key = most.key + 1 + key%3
		}
		want, wantOK = c.ref.ReplaceOrInsert(v)
		got, gotOK = c.set.ReplaceOrInsert(v)
	case 3:
		want, wantOK = c.ref.Delete(v)
		got, gotOK = c.set.Delete(v)
	case 4:
		want, wantOK = c.ref.DeleteMin()
		got, gotOK = c.set.DeleteMin()
	case 5:
		want, wantOK = c.ref.Get(v)
		got, gotOK = c.set.Get(v)
		require.Equal(c.t, wantOK, c.set.Has(v))
	case 6:
		type visitor = func(value) bool
		c.equal(collect(func(visit visitor) { c.ref.AscendGreaterOrEqual(v, visit) }),
			collect(func(visit visitor) { c.set.AscendGreaterOrEqual(v, visit) }))
		c.equal(collect(func(visit visitor) { c.ref.AscendLessThan(v, visit) }),
			collect(func(visit visitor) { c.set.AscendLessThan(v, visit) }))
	case 8:
		v.key = min(v.key, c.ref.Len()/4) // seldom all
		for {
			if least, ok := c.ref.Min(); !ok || least.key >= v.key {
				break
			}
			c.ref.DeleteMin()
		}
		c.set.DeleteLessThan(v)
	case 7: // stops when told to
		visited := 0
		c.set.Ascend(func(value) bool {
			visited++
			return visited <= content%5
		})
		require.Equal(c.t, min(c.ref.Len(), content%5+1), visited)
	}
	require.Equal(c.t, wantOK, gotOK)
	require.Equal(c.t, want, got)
}

// TestAgainstBTree does random operations on a set and clones of it, all of which go on, beside trees of values.
func TestAgainstBTree(t *testing.T) {
	for seed := range uint64(30) {
		random := rand.New(rand.NewPCG(seed, 0))
		keys := []int{5, 60, 3000}[seed%3]
		sets := []checked{newChecked(t)}
		for step := range 2000 {
			c := sets[random.IntN(len(sets))]
			op := random.IntN(9)
			if growing := step/500%2 == 0; growing && (op == 3 || op == 4) && random.IntN(3) > 0 {
				op = 2
			} else if !growing && op < 3 && random.IntN(3) > 0 {
				op = 3 + random.IntN(2)
			}
			c.do(op, random.IntN(keys), random.IntN(1000))
			if random.IntN(200) == 0 && len(sets) < 6 {
				sets = append(sets, c.clone())
			}
			if step%97 == 0 {
				for _, c := range sets {
					c.same()
				}
			}
		}
		for _, c := range sets {
			c.same()
		}
	}
}

// TestCloneIsIndependent reads a clone while the original changes; the race detector watches.
func TestCloneIsIndependent(t *testing.T) {
	c := newChecked(t)
	for key := range 1000 {
		c.do(0, key, key)
	}
	clone := c.clone()
	want := collect(clone.ref.Ascend)
	done := make(chan []value)
	go func() { done <- collect(clone.set.Ascend) }()
	for key := range 1000 {
		c.do(key%4, key, -key)
	}
	require.Equal(t, want, <-done)
	c.same()
	clone.same()
}

// TestMemoryFollowsValues leaves every tenth of many values, and none of the memory of the others.
func TestMemoryFollowsValues(t *testing.T) {
	s := New(compareValues)
	for key := range 10_000 {
		s.ReplaceOrInsert(value{key: key})
	}
	room := func() (n int) {
		s.index.Ascend(func(p *page[value]) bool {
			n += cap(p.values)
			return true
		})
		return n
	}
	require.LessOrEqual(t, room(), 10_000+s.size, "pages that are filled in order are full")
	for _, key := range rand.New(rand.NewPCG(1, 1)).Perm(10_000) {
		if key%10 != 0 {
			s.Delete(value{key: key})
		}
	}
	require.Equal(t, 1000, s.Len())
	require.LessOrEqual(t, room(), 1000*shrinkBelow+s.size)
}

// TestNoAllocation: what a queue does all the time allocates nothing but pages.
func TestNoAllocation(t *testing.T) {
	s := New(compareValues)
	for key := range 10_000 {
		s.ReplaceOrInsert(value{key: key})
	}
	random := rand.New(rand.NewPCG(1, 1))
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		v := value{key: random.IntN(10_000), content: 1}
		s.ReplaceOrInsert(v)
		s.Get(v)
	}))
	next := 10_000
	require.Less(t, testing.AllocsPerRun(1000, func() {
		s.ReplaceOrInsert(value{key: next})
		s.DeleteMin()
		s.DeleteLessThan(value{key: next - 9_999})
		next++
	}), 0.5)
}

func FuzzSet(f *testing.F) {
	f.Add([]byte{2, 2, 2, 3, 3, 4, 0, 9, 200, 255})
	f.Fuzz(func(t *testing.T, program []byte) {
		sets := []checked{newChecked(t)}
		for pair := range slices.Chunk(program, 2) {
			if len(pair) < 2 {
				break
			}
			c := sets[int(pair[0]/9)%len(sets)]
			c.do(int(pair[0]), int(pair[1]), int(pair[1]))
			if pair[0] == 255 && len(sets) < 4 {
				sets = append(sets, c.clone())
			}
		}
		for _, c := range sets {
			c.same()
		}
	})
}
