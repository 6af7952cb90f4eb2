package wal

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"chasqui/node/memdisk"
)

// progress is what the callers of a journal know at a moment: what was acknowledged, and what is under way.
type progress struct {
	mu       sync.Mutex // guards the fields below
	groups   []modelGroup
	underWay []*step
}

func newProgress(groups int) *progress {
	return &progress{groups: make([]modelGroup, groups), underWay: make([]*step, groups)}
}

// do runs one operation on a group.
func (p *progress) do(g *Group, s step) error {
	p.mu.Lock()
	p.underWay[g.ID()] = &s
	p.mu.Unlock()
	if err := s.run(g); err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s.change(&p.groups[g.ID()])
	p.underWay[g.ID()] = nil
	return nil
}

// crash returns the disk after a power cut at this moment, and what must be on it. Nothing is acknowledged in between,
// so each group is at most one operation further on the disk.
func (p *progress) crash(disk *memdisk.Disk, rng *rand.Rand) (*memdisk.Disk, *progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	known := &progress{groups: slices.Clone(p.groups), underWay: slices.Clone(p.underWay)}
	switch rng.IntN(8) {
	case 0:
		return disk.CrashLosingEverythingUnsynced(), known
	case 1:
		return disk.CrashKeepingEverything(), known
	default:
		return disk.Crash(rng), known
	}
}

// recognise compares a recovered journal: each group holds what was acknowledged, or that and the operation under way,
// of which an append may be there in part. From then on what was found is what must stay.
func (p *progress) recognise(j *Journal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id := range p.groups {
		g := j.Group(uint32(id))
		var errs error
		found := false
		for _, m := range p.candidates(id) {
			err := m.check(g, true)
			errs = errors.Join(errs, err)
			if found = err == nil; found {
				if first := g.FirstIndex(); first != 0 {
					m.first = first // a compaction may have come undone
				}
				p.groups[id], p.underWay[id] = m, nil
				break
			}
		}
		if !found {
			return errs
		}
	}
	return nil
}

// candidates returns the states a group may be in.
func (p *progress) candidates(id int) []modelGroup {
	before := p.groups[id]
	s := p.underWay[id]
	if s == nil {
		return []modelGroup{before}
	}
	after := before
	s.change(&after)
	states := []modelGroup{after, before}
	for n := 1; n < len(s.entries); n++ {
		part := before
		part.append(s.entries[:n])
		states = append(states, part)
	}
	return states
}

// crashPoint is the disk after a power cut, and what had been acknowledged then.
type crashPoint struct {
	disk  *memdisk.Disk
	known *progress
	where string
}

// TestCrashAtEveryStep cuts the power in front of disk operations of a random run: writes, syncs, renames, of the
// writer as of the allocator and of recovery. Every acknowledged operation must be there, nothing else, and no crash
// may look like corruption. Recovered journals go on and are crashed again, twice.
func TestCrashAtEveryStep(t *testing.T) {
	for seed := range uint64(2) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, 2))
			start := crashPoint{memdisk.New(), newProgress(3), "start"}
			first := runAndCrash(t, start, rng, 120, 20)
			require.Greater(t, len(first), 10)
			for i, point := range first {
				second := runAndCrash(t, point, rng, 6, 10)
				if i%6 > 0 {
					continue
				}
				for _, point := range second {
					runAndCrash(t, point, rng, 2, 1<<20)
				}
			}
		})
	}
}

// runAndCrash opens the journal of a crashed disk, checks it, runs random operations in all groups at once, closes it,
// and checks it again. It returns crashed copies of the disk from about every n-th change of it.
func runAndCrash(t *testing.T, start crashPoint, rng *rand.Rand, operations, every int) []crashPoint {
	t.Helper()
	var mu sync.Mutex // guards crashes and points
	crashes := rand.New(rand.NewPCG(rng.Uint64(), 3))
	var points []crashPoint
	start.disk.SetFault(func(op memdisk.Op) error {
		if op.Kind == memdisk.OpRead || op.Kind == memdisk.OpOpen || op.Kind == memdisk.OpList {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		every := every
		if op.Kind != memdisk.OpWrite && op.Kind != memdisk.OpSync {
			every = 1 + every/8 // changes of names are rarer, and their order matters more
		}
		if crashes.IntN(every) == 0 {
			disk, known := start.known.crash(start.disk, crashes)
			where := fmt.Sprintf("crash before %v of %s at %d+%d, after: %s", op.Kind, op.Name, op.Offset, op.Len, start.where)
			points = append(points, crashPoint{disk, known, where})
		}
		return nil
	})
	j, err := Open(hostOn(t, start.disk), testDir, smallConfig())
	require.NoError(t, err, start.where)
	require.NoError(t, start.known.recognise(j), start.where)

	var callers sync.WaitGroup
	for id := range start.known.groups {
		rng := rand.New(rand.NewPCG(rng.Uint64(), 4))
		callers.Go(func() {
			g := j.Group(uint32(id))
			for range operations {
				// Only this goroutine changes this group's model.
				if err := start.known.do(g, randomStep(rng, &start.known.groups[id])); err != nil {
					t.Error(start.where, err)
					return
				}
			}
		})
	}
	callers.Wait()
	require.NoError(t, j.Close(), start.where)
	start.disk.SetFault(nil)
	j, err = Open(hostOn(t, start.disk), testDir, smallConfig())
	require.NoError(t, err, start.where)
	require.NoError(t, start.known.recognise(j), start.where)
	require.NoError(t, j.Close(), start.where)
	return points
}
