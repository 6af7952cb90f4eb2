package disk_test

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"chasqui/node/virtual/abi"
	"chasqui/sim/disk"
	"chasqui/sim/world"
)

// modelFile is a file as its whole history of changes. Nothing is ever settled: every question replays it.
type modelFile struct{ history []modelChange }

type modelChange struct {
	offset   int64
	data     []byte // nil: truncate to offset
	durable  bool
	hopeless bool // a sync of it has failed
}

// replay returns the bytes after the changes that keep chooses.
func (f *modelFile) replay(keep func(modelChange) bool) []byte {
	var content []byte
	for _, c := range f.history {
		if !keep(c) {
			continue
		}
		end := c.offset + int64(len(c.data))
		if grown := end - int64(len(content)); grown > 0 {
			content = append(content, make([]byte, grown)...)
		}
		if c.data == nil {
			content = content[:c.offset]
		}
		copy(content[c.offset:], c.data)
	}
	return content
}

func (f *modelFile) now() []byte     { return f.replay(func(modelChange) bool { return true }) }
func (f *modelFile) durable() []byte { return f.replay(func(c modelChange) bool { return c.durable }) }

// possible tells whether a power cut may leave this byte at an offset.
func (f *modelFile) possible(at int64, b byte) bool {
	values := map[byte]bool{0: true}
	for _, c := range f.history {
		value, touched := byte(0), c.data == nil && at >= c.offset
		if c.data != nil && at >= c.offset && at < c.offset+int64(len(c.data)) {
			value, touched = c.data[at-c.offset], true
		}
		if touched && c.durable {
			clear(values)
		}
		if touched {
			values[value] = true
		}
	}
	return values[b]
}

// lengths returns the lengths that a power cut may leave.
func (f *modelFile) lengths() map[int64]bool {
	possible := map[int64]bool{0: true}
	for _, c := range f.history {
		end := c.offset + int64(len(c.data))
		ends := []int64{end}
		if c.data != nil && !c.durable { // torn: any of its sectors may be the last
			for sector := c.offset/512*512 + 512; sector < end; sector += 512 {
				ends = append(ends, sector)
			}
		}
		next := map[int64]bool{}
		for length := range possible {
			if !c.durable {
				next[length] = true
			}
			for _, end := range ends {
				if c.data == nil {
					next[end] = true
				} else {
					next[max(length, end)] = true
				}
			}
		}
		possible = next
	}
	return possible
}

// modelSync is a sync that has begun: of the file's first changes, or of the names as they were.
type modelSync struct {
	file    *modelFile
	changes int
	names   map[string]*modelFile
	order   int // of a sync of names: how many changes of names it covers
	twins   [2]world.PendingDisk
}

// model is what two disks with one seed should both be: a folder, its durable names, handles and syncs.
type model struct {
	twins   [2]*disk.Disk
	names   map[string]*modelFile
	synced  map[string]*modelFile
	renames int // changes of names so far
	settled int // of these, how many are durable
	handles map[uint32]*modelFile
	syncs   []modelSync
	fill    byte
	seed    uint64
}

func newModel() *model {
	return &model{twins: [2]*disk.Disk{newDisk(1), newDisk(1)}, names: map[string]*modelFile{}, synced: map[string]*modelFile{}, handles: map[uint32]*modelFile{}}
}

// do carries an operation out on both disks, which must answer alike.
func (m *model) do(t *rapid.T, op abi.DiskOp, handle uint32, offset int64, name string, data []byte) (int64, [2]world.PendingDisk) {
	one := bytes.Clone(data)
	result, pending := m.twins[0].Do(op, handle, offset, name, one)
	again, pendingAgain := m.twins[1].Do(op, handle, offset, name, data)
	require.Equal(t, result, again)
	require.Equal(t, one, data)
	require.Equal(t, pending == nil, pendingAgain == nil)
	if pending != nil {
		after, _ := pending.Ends()
		afterAgain, _ := pendingAgain.Ends()
		require.Equal(t, after, afterAgain)
	}
	return result, [2]world.PendingDisk{pending, pendingAgain}
}

func drawName(t *rapid.T) string { return rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "name") }

// drawHandle returns one of the open handles, or skips.
func (m *model) drawHandle(t *rapid.T) uint32 {
	if len(m.handles) == 0 {
		t.Skip("no file is open")
	}
	return rapid.SampledFrom(slices.Sorted(maps.Keys(m.handles))).Draw(t, "handle")
}

func drawOffset(t *rapid.T) int64 {
	return rapid.OneOf(rapid.Int64Range(0, 13000), rapid.Map(rapid.Int64Range(0, 3), func(n int64) int64 { return n * 4096 })).Draw(t, "offset")
}

func (m *model) open(t *rapid.T, op abi.DiskOp, name string) {
	result, _ := m.do(t, op, 0, 0, name, nil)
	file := m.names[name]
	switch {
	case op == abi.DiskCreate && file != nil:
		require.EqualValues(t, -abi.Exist, result)
		return
	case op == abi.DiskOpen && file == nil:
		require.EqualValues(t, -abi.NotExist, result)
		return
	case file == nil:
		file = &modelFile{}
		m.names[name] = file
		m.renames++
	}
	require.Positive(t, result)
	m.handles[uint32(result)] = file
}

func (m *model) write(t *rapid.T) {
	handle, offset := m.drawHandle(t), drawOffset(t)
	length := rapid.OneOf(rapid.Just(4096), rapid.IntRange(1, 9000)).Draw(t, "length")
	m.fill = byte(int(m.fill+1) % 5) // also zeros
	data := bytes.Repeat([]byte{m.fill}, length)
	result, _ := m.do(t, abi.DiskWrite, handle, offset, "", data)
	require.EqualValues(t, length, result)
	clear(data[:length/2]) // the disk must not keep the caller's bytes
	kept := bytes.Repeat([]byte{m.fill}, length)
	file := m.handles[handle]
	file.history = append(file.history, modelChange{offset: offset, data: kept})
}

func (m *model) truncate(t *rapid.T) {
	handle, size := m.drawHandle(t), drawOffset(t)
	result, _ := m.do(t, abi.DiskTruncate, handle, size, "", nil)
	require.Zero(t, result)
	m.handles[handle].history = append(m.handles[handle].history, modelChange{offset: size})
}

func (m *model) beginSync(t *rapid.T) {
	handle := m.drawHandle(t)
	_, twins := m.do(t, abi.DiskSync, handle, 0, "", nil)
	m.syncs = append(m.syncs, modelSync{file: m.handles[handle], changes: len(m.handles[handle].history), twins: twins})
}

func (m *model) beginSyncDir(t *rapid.T) {
	_, twins := m.do(t, abi.DiskSyncDir, 0, 0, ".", nil)
	m.syncs = append(m.syncs, modelSync{names: maps.Clone(m.names), order: m.renames, twins: twins})
}

// endSync ends any of the syncs that have begun.
func (m *model) endSync(t *rapid.T) {
	if len(m.syncs) == 0 {
		t.Skip("no sync is under way")
	}
	i := rapid.IntRange(0, len(m.syncs)-1).Draw(t, "sync")
	s := m.syncs[i]
	m.syncs = slices.Delete(m.syncs, i, i+1)
	fails := s.file != nil && rapid.IntRange(0, 5).Draw(t, "fails") == 0
	want := int64(0)
	if fails {
		want = -int64(abi.InputOutput)
	}
	for i, p := range s.twins {
		if fails {
			m.twins[i].FailSyncs(1)
		}
		p.Finish()
		require.Equal(t, want, p.Result(nil))
	}
	if s.file == nil {
		if s.order > m.settled {
			m.synced, m.settled = s.names, s.order
		}
		return
	}
	for i := range s.changes {
		if c := &s.file.history[i]; !c.durable && !c.hopeless {
			c.durable, c.hopeless = !fails, fails
		}
	}
}

func (m *model) rename(t *rapid.T) {
	from, to := drawName(t), drawName(t)
	result, _ := m.do(t, abi.DiskRename, 0, 0, from, []byte(to))
	if m.names[from] == nil {
		require.EqualValues(t, -abi.NotExist, result)
		return
	}
	require.Zero(t, result)
	file := m.names[from]
	if from != to {
		delete(m.names, from)
		m.names[to] = file
		m.renames++
	}
}

func (m *model) remove(t *rapid.T) {
	name := drawName(t)
	result, _ := m.do(t, abi.DiskRemove, 0, 0, name, nil)
	if m.names[name] == nil {
		require.EqualValues(t, -abi.NotExist, result)
		return
	}
	require.Zero(t, result)
	delete(m.names, name)
	m.renames++
}

// crash crashes both disks, and compares what is left with what may be.
func (m *model) crash(t *rapid.T) {
	how := rapid.SampledFrom([]disk.CrashKind{disk.PowerCut, disk.EverythingUnsyncedLost, disk.EverythingKept}).Draw(t, "how")
	m.seed++
	for _, d := range m.twins {
		d.Crash(rand.New(rand.NewPCG(m.seed, 0)), how)
	}
	m.handles = map[uint32]*modelFile{}
	m.syncs = nil
	switch how {
	case disk.EverythingKept:
		return
	case disk.EverythingUnsyncedLost:
		m.names = m.synced
		for _, f := range m.names {
			f.history = []modelChange{{data: f.durable(), durable: true}}
		}
	case disk.PowerCut:
		m.adopt(t)
	}
	m.synced, m.settled = maps.Clone(m.names), m.renames
}

// adopt takes over what a power cut left, after a look at every byte of the files whose names were certain.
func (m *model) adopt(t *rapid.T) {
	left, certain := map[string]*modelFile{}, m.renames == m.settled
	for _, f := range m.twins[0].Files() {
		content := m.content(t, f.Name)
		left[f.Name] = &modelFile{history: []modelChange{{data: content, durable: true}}}
		if file := m.names[f.Name]; file != nil && certain {
			require.True(t, file.lengths()[f.Size], "%s has %d bytes", f.Name, f.Size)
			for at, b := range content {
				require.True(t, file.possible(int64(at), b), "byte %d of %s is %d", at, f.Name, b)
			}
		}
	}
	if certain {
		require.Len(t, left, len(m.names))
	}
	m.names = left
}

// content reads a file of both disks.
func (m *model) content(t *rapid.T, name string) []byte {
	handle, _ := m.do(t, abi.DiskOpen, 0, 0, name, nil)
	require.Positive(t, handle)
	size, _ := m.do(t, abi.DiskSize, uint32(handle), 0, "", nil)
	content := make([]byte, size)
	n, _ := m.do(t, abi.DiskRead, uint32(handle), 0, "", content)
	require.Equal(t, size, n)
	result, _ := m.do(t, abi.DiskClose, uint32(handle), 0, "", nil)
	require.Zero(t, result)
	return content
}

// check compares all names and bytes, and the twins.
func (m *model) check(t *rapid.T) {
	var names []string
	for _, f := range m.twins[0].Files() {
		names = append(names, f.Name)
		require.True(t, bytes.Equal(m.names[f.Name].now(), m.content(t, f.Name)), f.Name)
	}
	require.Equal(t, slices.Sorted(maps.Keys(m.names)), names)
	require.Equal(t, m.twins[0].Hash(), m.twins[1].Hash())
	require.Equal(t, m.twins[0].Probes(), m.twins[1].Probes())
	// A crash of a copy must not show: views and images are made while the disk is in use.
	m.twins[0].View()
}

func TestAgainstTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newModel()
		t.Repeat(map[string]func(*rapid.T){
			"create":     func(t *rapid.T) { m.open(t, abi.DiskCreate, drawName(t)) },
			"open":       func(t *rapid.T) { m.open(t, abi.DiskOpen, drawName(t)) },
			"write":      m.write,
			"rewrite":    m.write,
			"truncate":   m.truncate,
			"sync":       m.beginSync,
			"syncdir":    m.beginSyncDir,
			"end sync":   m.endSync,
			"end a sync": m.endSync,
			"rename":     m.rename,
			"remove":     m.remove,
			"crash":      m.crash,
			"":           m.check,
		})
	})
}
