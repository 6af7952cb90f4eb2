package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"path"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chasqui/node"
	"chasqui/node/memdisk"
	"chasqui/node/real"
)

// testDir is deep enough that the names of folders above it matter.
const testDir = "data/journal"

// smallConfig makes segments roll and watermarks come often.
func smallConfig() Config {
	cfg := DefaultConfig()
	cfg.SegmentBytes = segmentBytesMin
	cfg.MaxSegments = 4
	cfg.CacheBytes = 64 << 10
	cfg.FrameBytes = 32 << 10
	cfg.QueueDepth = 16
	cfg.IdleDelay = time.Millisecond
	cfg.WatermarkBytes = 64 << 10
	return cfg
}

// hostOn returns a quiet host with the given disk. A call of Fail fails the test.
func hostOn(t testing.TB, disk node.Disk) node.Host {
	t.Helper()
	host, err := real.New(real.Options{
		Name: "host", LogOutput: io.Discard,
		Fail: func(err error) { t.Errorf("the host ended itself: %v", err) },
	})
	require.NoError(t, err)
	host.Disk = disk
	return host
}

// openOn opens the journal of a disk and closes it when the test ends.
func openOn(t testing.TB, disk node.Disk, cfg Config) *Journal {
	t.Helper()
	j, err := Open(hostOn(t, disk), testDir, cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = j.Close() })
	return j
}

// entriesFrom makes n entries with random data.
func entriesFrom(rng *rand.Rand, first uint64, n, sizeMax int) []Entry {
	entries := make([]Entry, n)
	for i := range entries {
		data := make([]byte, rng.IntN(sizeMax+1))
		for k := 0; k+8 <= len(data); k += 8 {
			binary.LittleEndian.PutUint64(data[k:], rng.Uint64())
		}
		entries[i] = Entry{Index: first + uint64(i), Term: 1 + rng.Uint64N(9), Kind: uint8(rng.IntN(4)), AppendedAt: rng.Int64(), Data: data}
	}
	return entries
}

// modelGroup is what a group should hold, the naive way.
type modelGroup struct {
	state   HardState
	entries []Entry // also those that were compacted, while a crash may bring them back
	first   uint64  // index of the first entry that is not compacted; last+1 if all are
}

func (m *modelGroup) last() uint64 {
	if len(m.entries) == 0 {
		return 0
	}
	return m.entries[len(m.entries)-1].Index
}

func (m *modelGroup) empty() bool { return len(m.entries) == 0 || m.first > m.last() }

// bounds returns what FirstIndex and LastIndex should be.
func (m *modelGroup) bounds() (uint64, uint64) {
	if m.empty() {
		return 0, 0
	}
	return m.first, m.last()
}

func (m *modelGroup) append(entries []Entry) {
	if m.empty() && entries[0].Index != m.last()+1 || len(m.entries) == 0 {
		m.entries, m.first = nil, entries[0].Index
	}
	m.entries = append(m.entries[:len(m.entries):len(m.entries)], entries...)
}

func (m *modelGroup) truncateAfter(index uint64) {
	switch {
	case m.empty() || index >= m.last():
	case index < m.first:
		m.entries, m.first = nil, 0
	default:
		m.entries = m.entries[:index-m.entries[0].Index+1]
	}
}

func (m *modelGroup) compactTo(index uint64) {
	if !m.empty() && index >= m.first {
		m.first = min(index, m.last()) + 1
	}
}

// check compares a group with the model. lazy allows compactions to have come undone.
func (m *modelGroup) check(g *Group, lazy bool) error {
	if got := g.HardState(); got.Term != m.state.Term || got.VoteTerm != m.state.VoteTerm || string(got.VotedFor) != string(m.state.VotedFor) {
		return fmt.Errorf("group %d: hard state %v, want %v", g.ID(), got, m.state)
	}
	first, last := g.FirstIndex(), g.LastIndex()
	wantFirst, wantLast := m.bounds()
	if lazy && len(m.entries) > 0 && last == m.last() && first >= m.entries[0].Index && first <= m.first {
		wantFirst, wantLast = first, last
	}
	if first != wantFirst || last != wantLast {
		return fmt.Errorf("group %d: entries %d to %d, want %d to %d", g.ID(), first, last, wantFirst, wantLast)
	}
	var bytes int64
	for i := len(m.entries) - 1; i >= 0 && m.entries[i].Index >= first && last != 0; i-- {
		want := m.entries[i]
		got, err := g.Get(want.Index)
		if err != nil {
			return err
		}
		if got.Index != want.Index || got.Term != want.Term || got.Kind != want.Kind || got.AppendedAt != want.AppendedAt || string(got.Data) != string(want.Data) {
			return fmt.Errorf("group %d: entry %d differs", g.ID(), want.Index)
		}
		if bytes += int64(len(want.Data)); g.BytesFrom(want.Index) != bytes {
			return fmt.Errorf("group %d: %d bytes from %d, want %d", g.ID(), g.BytesFrom(want.Index), want.Index, bytes)
		}
	}
	if _, err := g.Get(last + 1); !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("group %d: entry %d behind the last: %w", g.ID(), last+1, err)
	}
	return nil
}

// step is one random operation: how it changes the journal and how it changes the model.
type step struct {
	name    string
	entries []Entry // of an append
	run     func(g *Group) error
	change  func(m *modelGroup)
}

// randomStep chooses an operation that is allowed in the model's state.
func randomStep(rng *rand.Rand, m *modelGroup) step {
	first, last := m.bounds()
	switch n := rng.IntN(20); {
	case n < 12:
		next := last + 1
		if last == 0 && rng.IntN(2) == 0 {
			next = m.last() + 1 + rng.Uint64N(50)
		}
		entries := entriesFrom(rng, next, 1+rng.IntN(8), 1+rng.IntN(12<<10))
		return step{name: "append", entries: entries,
			run:    appendEither(entries, rng.IntN(2) == 0),
			change: func(m *modelGroup) { m.append(entries) }}
	case n < 14:
		state := HardState{Term: rng.Uint64N(100), VoteTerm: rng.Uint64N(100), VotedFor: []byte(fmt.Sprint("host-", rng.IntN(5)))}
		return step{name: "hard state",
			run:    func(g *Group) error { return g.SetHardState(state) },
			change: func(m *modelGroup) { m.state = state }}
	case n < 16:
		index := last - min(last, rng.Uint64N(6))
		return step{name: "truncate",
			run:    func(g *Group) error { return g.TruncateAfter(index) },
			change: func(m *modelGroup) { m.truncateAfter(index) }}
	case n < 19 || rng.IntN(4) > 0:
		index := first + rng.Uint64N(last-first+2)
		return step{name: "compact",
			run:    func(g *Group) error { return g.CompactTo(index) },
			change: func(m *modelGroup) { m.compactTo(index) }}
	default:
		return step{name: "reset",
			run:    func(g *Group) error { return g.Reset() },
			change: func(m *modelGroup) { m.entries, m.first = nil, 0 }}
	}
}

// appendEither appends in one of the two ways, and returns when the entries are durable.
func appendEither(entries []Entry, async bool) func(*Group) error {
	if !async {
		return func(g *Group) error { return g.Append(entries) }
	}
	return func(g *Group) error {
		pending, err := g.AppendAsync(entries)
		if err != nil || pending == nil {
			return err
		}
		return pending.Wait()
	}
}

func TestRandomOperationsMatchTheModel(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 1))
			disk := memdisk.New()
			cfg := smallConfig()
			cfg.CacheBytes = []int64{0, 16 << 10, 1 << 30}[seed%3]
			j := openOn(t, disk, cfg)
			models := make([]modelGroup, 4)
			for range 1200 {
				id := rng.IntN(len(models))
				s := randomStep(rng, &models[id])
				require.NoError(t, s.run(j.Group(uint32(id))), s.name)
				s.change(&models[id])
				if rng.IntN(60) == 0 {
					require.NoError(t, models[id].check(j.Group(uint32(id)), false))
				}
				if rng.IntN(200) == 0 {
					require.NoError(t, j.Close())
					j = openOn(t, disk, cfg)
					for id := range models {
						require.NoError(t, models[id].check(j.Group(uint32(id)), false))
					}
				}
			}
			stats := j.Stats()
			require.Greater(t, stats.Sequence, uint64(500))
			require.LessOrEqual(t, stats.CacheBytes, cfg.CacheBytes)
		})
	}
}

// copyFile makes a file with another's contents, durable.
func copyFile(t *testing.T, from, to node.Disk, source, target string) {
	t.Helper()
	in, err := from.Open(source)
	require.NoError(t, err)
	size, err := in.Size()
	require.NoError(t, err)
	b := make([]byte, size)
	_, err = in.ReadAt(b, 0)
	require.NoError(t, err)
	require.NoError(t, in.Close())
	if err := to.Remove(target); err != nil {
		require.ErrorIs(t, err, fs.ErrNotExist)
	}
	out, err := to.Create(target)
	require.NoError(t, err)
	_, err = out.WriteAt(b, 0)
	require.NoError(t, err)
	require.NoError(t, out.Sync())
	require.NoError(t, out.Close())
	require.NoError(t, to.SyncDir(path.Dir(target)))
}
