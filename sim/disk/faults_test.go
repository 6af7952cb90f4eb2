package disk_test

import (
	"io/fs"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chasqui/node"
	"chasqui/node/virtual/abi"
	"chasqui/sim/disk"
)

// old and changed are the contents of one page and more, so that they have several sectors.
var (
	old     = strings.Repeat("o", 6000)
	changed = strings.Repeat("c", 6000)
)

// TestFaults switches each fault on and shows what a program meets, that it is counted, and that it ends.
func TestFaults(t *testing.T) {
	tests := []struct {
		name  string
		probe string
		count uint64
		run   func(t *testing.T, h host, a uint32)
	}{
		{"failed sync", "sync error", 1, func(t *testing.T, h host, a uint32) {
			h.disk.FailSyncs(1)
			h.write(a, 0, changed)
			require.ErrorContains(t, h.file(a).Sync(), "errno 17")
			require.NoError(t, h.file(a).Sync(), "a later sync says that all is well")
			require.Equal(t, changed, h.content("a"), "and readers see the data")
			h.disk.Crash(rand.New(rand.NewPCG(1, 1)), disk.EverythingKept)
			require.Equal(t, changed, h.content("a"), "the next process, too")
			h.disk.Crash(rand.New(rand.NewPCG(1, 1)), disk.EverythingUnsyncedLost)
			require.Equal(t, old, h.content("a"), "but it was never durable")
		}},
		{"failed sync of a folder", "sync error", 1, func(t *testing.T, h host, _ uint32) {
			require.NoError(t, h.MakeDir("folder"))
			h.disk.FailSyncs(1)
			require.Error(t, h.SyncDir("."))
			require.NoError(t, h.SyncDir("."))
			image := h.disk.Image()
			h.disk.Crash(nil, disk.EverythingUnsyncedLost)
			names, err := h.List(".")
			require.NoError(t, err)
			require.Equal(t, []string{"a"}, names)
			h.disk.Restore(image)
		}},
		{"failed write", "write error", 1, func(t *testing.T, h host, a uint32) {
			h.disk.FailWrites(1)
			_, err := h.file(a).WriteAt([]byte(changed), 0)
			require.Error(t, err)
			written := strings.Count(h.content("a"), "c")
			require.Zero(t, written%512, "whole sectors")
			require.Equal(t, changed[:written]+old[written:], h.content("a"), "from the beginning")
			h.write(a, 0, changed)
		}},
		{"failed truncate", "write error", 1, func(t *testing.T, h host, a uint32) {
			h.disk.FailWrites(1)
			require.Error(t, h.file(a).Truncate(0))
			require.Equal(t, old, h.content("a"))
			require.NoError(t, h.file(a).Truncate(0))
		}},
		{"failed read", "read error", 2, func(t *testing.T, h host, a uint32) {
			h.disk.FailReads(2)
			for range 2 {
				_, err := h.file(a).ReadAt(make([]byte, 10), 0)
				require.Error(t, err)
			}
			require.Equal(t, old, h.content("a"))
		}},
		{"full", "full", 3, func(t *testing.T, h host, a uint32) {
			h.disk.Full(1000)
			free, err := h.Free()
			require.NoError(t, err)
			require.EqualValues(t, 1000, free)
			_, err = h.file(a).WriteAt([]byte(changed), 1001)
			require.ErrorIs(t, err, node.ErrDiskFull)
			require.ErrorIs(t, h.file(a).Truncate(7001), node.ErrDiskFull)
			h.write(a, 1000, changed)
			h.disk.NotFull()
			h.write(a, 1001, changed)
		}},
		{"slow", "slow", 4, func(t *testing.T, h host, a uint32) {
			h.disk.Slow(100)
			cfg := disk.DefaultConfig()
			ends := func(op abi.DiskOp) time.Duration {
				_, pending := h.disk.Do(op, a, 0, "a", make([]byte, 1))
				require.NotNil(t, pending)
				after, ok := pending.Ends()
				require.True(t, ok)
				pending.Finish()
				return after
			}
			for _, op := range []abi.DiskOp{abi.DiskRead, abi.DiskWrite, abi.DiskOpen} {
				require.GreaterOrEqual(t, ends(op), 100*cfg.OperationMin)
			}
			require.GreaterOrEqual(t, ends(abi.DiskSync), 100*cfg.SyncMin)
			h.disk.Slow(1)
			_, pending := h.disk.Do(abi.DiskWrite, a, 0, "", make([]byte, 1))
			require.Nil(t, pending)
		}},
		{"misdirected write", "misdirected write", 1, func(t *testing.T, h host, a uint32) {
			h.disk.MisdirectWrites(1)
			h.write(a, 512, "misdirected")
			h.write(a, 512, "next")
			damages := h.disk.Damages()
			require.Len(t, damages, 2)
			require.Equal(t, disk.Damage{Kind: disk.DamageMissing, File: "a", Offset: 512, Length: 11}, damages[0])
			at := damages[1].Offset
			require.Equal(t, disk.DamageOverwritten, damages[1].Kind)
			require.NotEqualValues(t, 512, at)
			require.Equal(t, "misdirected", h.content("a")[at:at+11])
			require.Equal(t, "nextooooooo", h.content("a")[512:523])
		}},
		{"stale read", "stale read", 1, func(t *testing.T, h host, a uint32) {
			h.disk.StaleReads(1)
			h.write(a, 1000, "changed")
			require.NoError(t, h.file(a).Sync())
			got := make([]byte, 100)
			_, err := h.file(a).ReadAt(got, 0)
			require.NoError(t, err, "a read of other bytes is not stale")
			require.Equal(t, old, h.content("a"))
			require.Equal(t, "changed", h.content("a")[1000:1007])
		}},
		{"stale read after a crash", "stale read", 1, func(t *testing.T, h host, a uint32) {
			h.write(a, 1000, "changed")
			require.NoError(t, h.file(a).Sync())
			h.disk.Crash(rand.New(rand.NewPCG(1, 1)), disk.PowerCut)
			h.disk.StaleReads(1)
			require.Equal(t, old, h.content("a"))
			require.Equal(t, "changed", h.content("a")[1000:1007])
		}},
		{"bit rot", "rot", 1, func(t *testing.T, h host, _ uint32) {
			rng := rand.New(rand.NewPCG(1, 1))
			_, ok := h.disk.Rot(rng, func(name string) bool { return name != "a" })
			require.False(t, ok, "there is no other file")
			damage, ok := h.disk.Rot(rng, nil)
			require.True(t, ok)
			require.Equal(t, []disk.Damage{damage}, h.disk.Damages())
			require.Equal(t, disk.Damage{Kind: disk.DamageRot, File: "a", Offset: damage.Offset, Length: 1}, damage)
			require.Contains(t, damage.String(), "bit rot: a at offset")
			h.disk.Crash(rng, disk.EverythingUnsyncedLost)
			got := h.content("a")
			require.NotEqual(t, old[damage.Offset], got[damage.Offset])
			require.Equal(t, old[damage.Offset+1:], got[damage.Offset+1:])
		}},
		{"lie", "lie", 1, func(t *testing.T, h host, a uint32) {
			h.disk.LieOnSync(true)
			require.NoError(t, h.file(a).Sync(), "there is nothing to lie about")
			h.write(a, 0, changed)
			require.NoError(t, h.file(a).Sync())
			image := h.disk.Image()
			h.disk.Crash(nil, disk.EverythingUnsyncedLost)
			require.Equal(t, old, h.content("a"))
			h.disk.Restore(image)
			require.Equal(t, changed, h.content("a"))
		}},
		{"honest after a lie", "lie", 1, func(t *testing.T, h host, a uint32) {
			h.disk.LieOnSync(true)
			h.write(a, 0, changed)
			require.NoError(t, h.file(a).Sync())
			h.disk.LieOnSync(false)
			require.NoError(t, h.file(a).Sync())
			h.disk.Crash(nil, disk.EverythingUnsyncedLost)
			require.Equal(t, changed, h.content("a"))
		}},
		{"wiped", "wiped", 1, func(t *testing.T, h host, a uint32) {
			h.disk.Wipe()
			_, err := h.file(a).Size()
			require.ErrorIs(t, err, fs.ErrClosed)
			names, err := h.List(".")
			require.NoError(t, err)
			require.Empty(t, names)
		}},
		{"restored", "restored", 2, func(t *testing.T, h host, a uint32) {
			image := h.disk.Image()
			before := h.disk.Hash()
			h.write(a, 0, changed)
			require.NotEqual(t, before, h.disk.Hash())
			for range 2 { // what is done after the first does not touch the image
				h.disk.Restore(image)
				require.Equal(t, before, h.disk.Hash())
				opened, err := h.Open("a")
				require.NoError(t, err)
				_, err = opened.WriteAt([]byte(changed), 0)
				require.NoError(t, err)
			}
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newHost(t, 1)
			a := h.put("a", old)
			test.run(t, h, a)
			require.Equal(t, test.count, h.probe(test.probe))
		})
	}
}

// TestMisdirectedIntoAnotherFile has writes of a file that is too small to hold them twice.
func TestMisdirectedIntoAnotherFile(t *testing.T) {
	h := newHost(t, 1)
	h.put("victim", old)
	a := h.put("a", "small")
	h.disk.MisdirectWrites(1)
	h.write(a, 0, strings.Repeat("x", 6000))
	require.Equal(t, "small", h.content("a"))
	require.Equal(t, strings.Repeat("x", 6000), h.content("victim"))
	h.disk.Wipe()
	b := h.put("b", "")
	h.disk.MisdirectWrites(1)
	h.write(b, 0, "content")
	require.Equal(t, "content", h.content("b"), "there was no other place")
	require.EqualValues(t, 1, h.probe("misdirected write"))
}

func TestHang(t *testing.T) {
	h := newHost(t, 1)
	a := h.put("a", old)
	_, underWay := h.disk.Do(abi.DiskSync, a, 0, "", nil)
	_, ok := underWay.Ends()
	require.True(t, ok)
	h.disk.Hang()
	_, ok = underWay.Ends()
	require.False(t, ok, "it began before, and does not end")

	got := make([]byte, 3)
	_, read := h.disk.Do(abi.DiskRead, a, 0, "", got)
	_, create := h.disk.Do(abi.DiskCreate, 0, 0, "b", nil)
	_, list := h.disk.Do(abi.DiskList, 0, 0, ".", nil)
	require.NotNil(t, read)
	require.NotNil(t, create)
	require.NotNil(t, list)
	var released []string
	for _, p := range []struct {
		name    string
		pending interface {
			Ends() (time.Duration, bool)
			OnRelease(func())
		}
	}{{"sync", underWay}, {"read", read}, {"create", create}, {"list", list}} {
		_, ok := p.pending.Ends()
		require.False(t, ok)
		p.pending.OnRelease(func() { released = append(released, p.name) })
	}
	require.EqualValues(t, 4, h.probe("hang"))
	_, err := h.file(a).Size()
	require.NoError(t, err, "what does not reach the device goes on")
	require.Empty(t, released)

	h.disk.Unhang()
	require.Equal(t, []string{"sync", "read", "create", "list"}, released)
	read.Finish()
	require.EqualValues(t, 3, read.Result(got))
	require.Equal(t, "ooo", string(got))
	create.Finish()
	require.Positive(t, create.Result(nil))
	list.Finish()
	names := make([]byte, 4)
	require.EqualValues(t, 4, list.Result(names))
	require.Equal(t, "a\x00b\x00", string(names))
	released = nil
	read.OnRelease(func() { released = append(released, "at once") })
	require.Equal(t, []string{"at once"}, released)
}

func TestErrorsAreKnownAtOnceAndHeardOfLater(t *testing.T) {
	h := newHost(t, 1)
	h.disk.Slow(2)
	result, pending := h.disk.Do(abi.DiskOpen, 0, 0, "nothing", nil)
	require.Zero(t, result)
	pending.Finish()
	require.EqualValues(t, -abi.NotExist, pending.Result(nil))
	result, pending = h.disk.Do(abi.DiskRead, 77, 0, "", nil)
	require.Nil(t, pending)
	require.EqualValues(t, -abi.BadID, result)
	result, pending = h.disk.Do(abi.DiskOp(99), 0, 0, "", nil)
	require.Zero(t, result)
	pending.Finish()
	require.EqualValues(t, -abi.Invalid, pending.Result(nil))
}

func TestTheErrnosOfFolders(t *testing.T) {
	h := newHost(t, 1)
	require.NoError(t, h.MakeDir("folder"))
	h.put("folder/a", "a")
	tests := []struct {
		op   abi.DiskOp
		name string
		data string
		want abi.Errno
	}{
		{abi.DiskOpen, "folder", "", abi.IsFolder},
		{abi.DiskList, "folder/a", "", abi.NotFolder},
		{abi.DiskSyncDir, "folder/a", "", abi.NotFolder},
		{abi.DiskRemove, "folder", "", abi.NotEmpty},
		{abi.DiskCreate, "folder", "", abi.Exist},
		{abi.DiskRename, "folder", "folder/below", abi.Invalid},
		{abi.DiskSyncDir, "../above", "", abi.Invalid},
	}
	for _, test := range tests {
		result, pending := h.disk.Do(test.op, 0, 0, test.name, []byte(test.data))
		require.Nil(t, pending)
		require.EqualValues(t, -test.want, result, "operation %d of %s", test.op, test.name)
	}
}

func TestTimes(t *testing.T) {
	h := newHost(t, 1)
	a := h.put("a", "")
	cfg := disk.DefaultConfig()
	const syncs = 5000
	var sum, longest time.Duration
	for range syncs {
		h.write(a, 0, "x")
		_, pending := h.disk.Do(abi.DiskSync, a, 0, "", nil)
		after, ok := pending.Ends()
		require.True(t, ok)
		require.GreaterOrEqual(t, after, cfg.SyncMin)
		pending.Finish()
		sum += after
		longest = max(longest, after)
	}
	mean := sum / syncs
	require.Greater(t, mean, cfg.SyncMin)
	require.Less(t, mean, cfg.SyncMax)
	require.Greater(t, longest, cfg.TailMin)
	require.Less(t, longest, cfg.TailMax+time.Millisecond)
	require.NotZero(t, h.probe("slow sync"))

	h.write(a, 0, strings.Repeat("x", 50_000_000))
	_, pending := h.disk.Do(abi.DiskSync, a, 0, "", nil)
	after, _ := pending.Ends()
	require.Greater(t, after, 100*time.Millisecond, "50 MB at 500 MB/s")
	pending.Finish()
	_, pending = h.disk.Do(abi.DiskTruncate, a, 60_000_000, "", nil)
	require.NotNil(t, pending, "preallocation takes time")
	after, _ = pending.Ends()
	require.InDelta(t, 20*time.Millisecond, after, float64(time.Millisecond))
	pending.Finish()
	require.Zero(t, pending.Result(nil))
}
