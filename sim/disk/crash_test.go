package disk_test

import (
	"io/fs"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chasqui/node"
	"chasqui/node/virtual/abi"
	"chasqui/sim/disk"
)

func TestCrash(t *testing.T) {
	tests := []struct {
		name string
		how  disk.CrashKind
		// run leaves the disk as the crash finds it; file a holds old durably.
		run func(h host, a uint32)
		// outcomes are the contents of a that a crash may leave, over many seeds: each must come up.
		outcomes []string
	}{
		{"synced data survives", disk.PowerCut, func(h host, a uint32) {
			h.write(a, 0, changed)
			require.NoError(h.t, h.file(a).Sync())
		}, []string{changed}},
		{"unsynced data may be lost", disk.PowerCut, func(h host, a uint32) {
			h.write(a, 0, "c")
		}, []string{old, "c" + old[1:]}},
		{"a sync that has not ended may be lost", disk.PowerCut, func(h host, a uint32) {
			h.write(a, 0, "c")
			h.disk.Do(abi.DiskSync, a, 0, "", nil)
		}, []string{old, "c" + old[1:]}},
		{"a sync that has not ended is lost", disk.EverythingUnsyncedLost, func(h host, a uint32) {
			h.write(a, 0, changed)
			h.disk.Do(abi.DiskSync, a, 0, "", nil)
		}, []string{old}},
		{"a sync covers what was written before it began", disk.EverythingUnsyncedLost, func(h host, a uint32) {
			h.write(a, 0, "c")
			_, pending := h.disk.Do(abi.DiskSync, a, 0, "", nil)
			h.write(a, 1, "c")
			pending.Finish()
		}, []string{"c" + old[1:]}},
		{"a process that ends leaves everything", disk.EverythingKept, func(h host, a uint32) {
			h.write(a, 0, changed)
		}, []string{changed}},
		{"a write torn and reordered", disk.PowerCut, func(h host, a uint32) {
			h.write(a, 0, changed[:1024])
			h.write(a, 1024, "d")
		}, []string{
			old, old[:1024] + "d" + old[1025:],
			changed[:512] + old[512:], changed[:512] + old[:512] + "d" + old[1025:],
			old[:512] + changed[:512] + old[1024:], old[:512] + changed[:512] + "d" + old[1025:],
			changed[:1024] + old[1024:], changed[:1024] + "d" + old[1025:],
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			seen := map[string]int{}
			for seed := range uint64(300) {
				h := newHost(t, seed)
				a := h.put("a", old)
				test.run(h, a)
				h.disk.Crash(rand.New(rand.NewPCG(seed, 1)), test.how)
				content := h.content("a")
				require.Contains(t, test.outcomes, content)
				seen[content]++
			}
			require.Len(t, seen, len(test.outcomes), "some outcomes never came up")
		})
	}
}

// TestCrashProbes shows that crashes say what they did.
func TestCrashProbes(t *testing.T) {
	totals := map[string]uint64{}
	for seed := range uint64(100) {
		h := newHost(t, seed)
		a := h.put("a", old)
		h.write(a, 0, changed)
		h.write(a, 100, "d")
		require.NoError(t, h.Rename("a", "b"))
		h.disk.Do(abi.DiskSync, a, 0, "", nil)
		h.disk.Crash(rand.New(rand.NewPCG(seed, 1)), disk.PowerCut)
		require.EqualValues(t, 1, h.probe("sync cut by crash"))
		for _, p := range h.disk.Probes() {
			totals[p.Name] += p.Count
		}
	}
	for _, name := range []string{"lost write", "torn write", "reordered write", "lost name"} {
		require.Greater(t, totals[name], uint64(5), name)
		require.Less(t, totals[name], uint64(195), name)
	}
}

// TestAfterACrash shows that nothing of the program is left: no handle, no lock, no operation under way.
func TestAfterACrash(t *testing.T) {
	for _, how := range []disk.CrashKind{disk.PowerCut, disk.EverythingUnsyncedLost, disk.EverythingKept} {
		h := newHost(t, 1)
		a := h.put("a", old)
		_, err := h.Lock("lock")
		require.NoError(t, err)
		_, err = h.Lock("lock")
		require.ErrorIs(t, err, node.ErrLocked)
		h.write(a, 0, changed)
		_, pending := h.disk.Do(abi.DiskSync, a, 0, "", nil)
		h.disk.Hang()
		pending.OnRelease(func() { t.Error("an operation of a program that is gone was released") })

		h.disk.Crash(rand.New(rand.NewPCG(1, 1)), how)
		h.disk.Unhang()
		pending.Finish()
		h.disk.Crash(nil, disk.EverythingUnsyncedLost)
		if how == disk.EverythingKept {
			require.Equal(t, old, h.content("a"), "the sync was never carried out")
		}
		_, err = h.file(a).Size()
		require.ErrorIs(t, err, fs.ErrClosed)
		lock, err := h.Lock("lock")
		require.NoError(t, err)
		require.NoError(t, lock.Close())
	}
}

// TestNamesGetASecondChance shows what another process finds after the folder's sync failed for the one before.
func TestNamesGetASecondChance(t *testing.T) {
	h := newHost(t, 1)
	require.NoError(t, h.MakeDir("folder"))
	h.disk.FailSyncs(1)
	require.Error(t, h.SyncDir("."))
	h.disk.Crash(nil, disk.EverythingKept)
	require.NoError(t, h.SyncDir("."))
	h.disk.Crash(nil, disk.EverythingUnsyncedLost)
	names, err := h.List(".")
	require.NoError(t, err)
	require.Equal(t, []string{"folder"}, names)
}

func TestViewIsACopy(t *testing.T) {
	h := newHost(t, 1)
	a := h.put("a", old)
	view := h.disk.View()
	h.write(a, 0, changed)
	file, err := view.Open("a")
	require.NoError(t, err)
	got := make([]byte, len(old))
	_, err = file.ReadAt(got, 0)
	require.NoError(t, err)
	require.Equal(t, old, string(got))
	_, err = file.WriteAt([]byte("view"), 0)
	require.NoError(t, err)
	require.NoError(t, view.Remove("a"))
	require.Equal(t, changed, h.content("a"))
}

func TestHashTellsNamesAndBytes(t *testing.T) {
	h := newHost(t, 1)
	seen := map[uint64]string{}
	note := func(what string) {
		hash := h.disk.Hash()
		require.Equal(t, hash, h.disk.Hash())
		require.Empty(t, seen[hash], what)
		seen[hash] = what
	}
	note("empty")
	a := h.put("a", "")
	note("an empty file")
	require.NoError(t, h.file(a).Truncate(5000))
	note("zeros")
	require.NoError(t, h.file(a).Truncate(5001))
	note("one more")
	h.write(a, 4999, "x")
	note("a byte")
	require.NoError(t, h.Rename("a", "b"))
	note("another name")
	require.NoError(t, h.MakeDir("a"))
	note("a folder")
	require.NoError(t, h.Rename("b", "a/b"))
	note("moved")
	files := h.disk.Files()
	require.Len(t, files, 2)
	require.True(t, files[0].Folder)
	require.Equal(t, "a/b", files[1].Name)
	require.EqualValues(t, 5001, files[1].Size)

	other := newHost(t, 2)
	require.NoError(t, other.MakeDir("a"))
	b := other.put("a/b", strings.Repeat("\x00", 5001))
	other.write(b, 4999, "x")
	require.Equal(t, h.disk.Hash(), other.disk.Hash(), "the same names and bytes, made another way")
}
