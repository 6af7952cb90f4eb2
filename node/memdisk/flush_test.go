package memdisk_test

import (
	"io/fs"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chasqui/node/memdisk"
)

func TestAFlushCoversWhatWasThereWhenItBegan(t *testing.T) {
	disk := memdisk.New()
	put(t, disk, "a", "-----")
	require.NoError(t, disk.SyncDir("."))
	file, err := disk.OpenFile("a")
	require.NoError(t, err)
	_, err = file.WriteAt([]byte("x"), 0)
	require.NoError(t, err)
	flush, err := file.BeginSync()
	require.NoError(t, err)
	require.EqualValues(t, 1, flush.Bytes())
	require.Equal(t, 1, flush.Changes())
	_, err = file.WriteAt([]byte("yy"), 1)
	require.NoError(t, err)
	require.Equal(t, "a=-----", listing(t, disk.CrashLosingEverythingUnsynced(), "."), "it has not ended")
	flush.Finish()
	require.Equal(t, "a=x----", listing(t, disk.CrashLosingEverythingUnsynced(), "."))
	flush.Fail()
	require.NoError(t, file.Sync())
	require.Equal(t, "a=xyy--", listing(t, disk.CrashLosingEverythingUnsynced(), "."), "only its first end counts")

	names, err := disk.BeginSyncDir(".")
	require.NoError(t, err)
	require.Zero(t, names.Changes())
	put(t, disk, "b", "")
	names, err = disk.BeginSyncDir(".")
	require.NoError(t, err)
	require.Equal(t, 1, names.Changes())
	put(t, disk, "c", "")
	names.Finish()
	require.Equal(t, "a=xyy-- b=", listing(t, disk.CrashLosingEverythingUnsynced(), "."))

	require.NoError(t, file.Close())
	_, err = file.BeginSync()
	require.ErrorIs(t, err, fs.ErrClosed)
	_, err = disk.BeginSyncDir("nothing")
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = disk.BeginSyncDir("..")
	require.ErrorIs(t, err, fs.ErrInvalid)
}

// TestDurableWritesAroundFailedOnes writes behind, over and partly over bytes whose sync failed, and cuts them off.
func TestDurableWritesAroundFailedOnes(t *testing.T) {
	tests := []struct {
		name     string
		offset   int64
		data     string // "": truncate to offset
		outcomes []string
	}{
		{"behind", 6, "yy", []string{"----\x00\x00yy", "--xxxxyy"}},
		{"a part", 2, "yy", []string{"--yy", "--yyxx"}},
		{"all of it", 2, "yyyy", []string{"--yyyy"}},
		{"more", 1, "yyyyyy", []string{"-yyyyyy"}},
		{"cut off", 1, "", []string{"-"}},
		{"cut", 3, "", []string{"---", "--x"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			disk := memdisk.New()
			put(t, disk, "a", "----")
			require.NoError(t, disk.SyncDir("."))
			file, err := disk.OpenFile("a")
			require.NoError(t, err)
			_, err = file.WriteAt([]byte("xxxx"), 2)
			require.NoError(t, err)
			flush, err := file.BeginSync()
			require.NoError(t, err)
			flush.Fail()
			if test.data == "" {
				require.NoError(t, file.Truncate(test.offset))
			} else {
				_, err = file.WriteAt([]byte(test.data), test.offset)
				require.NoError(t, err)
			}
			require.NoError(t, file.Sync())
			seen := map[string]bool{}
			for seed := range uint64(100) {
				seen[strings.TrimPrefix(listing(t, disk.Crash(rand.New(rand.NewPCG(seed, 0))), "."), "a=")] = true
			}
			for _, outcome := range test.outcomes {
				require.True(t, seen[outcome], "%q never came up", outcome)
			}
			require.Len(t, seen, len(test.outcomes), "%v", seen)
		})
	}
}

func TestForgivenNames(t *testing.T) {
	disk := memdisk.New()
	put(t, disk, "a", "A")
	flush, err := disk.BeginSyncDir(".")
	require.NoError(t, err)
	flush.Fail()
	require.NoError(t, disk.SyncDir("."))
	require.Equal(t, "", listing(t, disk.CrashLosingEverythingUnsynced(), "."))
	disk.Forgive()
	require.Equal(t, "", listing(t, disk.CrashLosingEverythingUnsynced(), "."))
	require.NoError(t, disk.SyncDir("."))
	require.Equal(t, "a=A", listing(t, disk.CrashLosingEverythingUnsynced(), "."))
}

func TestReadStale(t *testing.T) {
	disk := memdisk.New()
	page := strings.Repeat("-", 4096)
	put(t, disk, "a", page+page+page)
	file, err := disk.OpenFile("a")
	require.NoError(t, err)
	_, err = file.WriteAt([]byte(strings.Repeat("x", 5000)), 4000)
	require.NoError(t, err)
	_, err = file.WriteAt([]byte("tail"), 3*4096)
	require.NoError(t, err)
	_, err = file.WriteAt([]byte(strings.Repeat("y", 5000)), 4000)
	require.NoError(t, err)

	got := make([]byte, 20000)
	n, stale, err := file.ReadStale(got, 0)
	require.NoError(t, err)
	require.True(t, stale)
	want := page[:4000] + strings.Repeat("x", 5000) + page + page
	require.Equal(t, want[:3*4096]+"tail", string(got[:n]))
	n, stale, err = file.ReadStale(got[:10], 3995)
	require.NoError(t, err)
	require.True(t, stale)
	require.Equal(t, "-----xxxxx", string(got[:n]))
	_, stale, err = file.ReadStale(got[:10], 3990)
	require.NoError(t, err)
	require.False(t, stale, "it ends where the write begins")
	_, err = file.WriteAt([]byte("yy"), 4000)
	require.NoError(t, err)
	_, stale, err = file.ReadStale(got, 0)
	require.NoError(t, err)
	require.False(t, stale, "the last write changed nothing")
	require.NoError(t, file.Truncate(4001))
	_, stale, err = file.ReadStale(got, 0)
	require.NoError(t, err)
	require.False(t, stale, "there is no last write any more")
}

func TestNameOf(t *testing.T) {
	disk := memdisk.New()
	require.NoError(t, disk.MakeDir("folder"))
	put(t, disk, "a", "A")
	file, err := disk.OpenFile("a")
	require.NoError(t, err)
	require.NoError(t, disk.Rename("a", "folder/b"))
	name, ok := disk.NameOf(file)
	require.True(t, ok)
	require.Equal(t, "folder/b", name)
	require.NoError(t, disk.Remove("folder/b"))
	_, ok = disk.NameOf(file)
	require.False(t, ok)
}

func TestFiles(t *testing.T) {
	disk := memdisk.New()
	require.NoError(t, disk.MakeDir("folder"))
	put(t, disk, "folder/a", "AAA")
	put(t, disk, "b", "AAA")
	put(t, disk, "c", strings.Repeat("\x00", 3<<20))
	file, err := disk.Open("b")
	require.NoError(t, err)
	_, err = file.WriteAt([]byte("A"), 3)
	require.NoError(t, err)
	files := disk.Files()
	require.Len(t, files, 4)
	require.Equal(t, memdisk.FileInfo{Name: "b", Size: 4, DurableSize: 3, Hash: files[0].Hash}, files[0])
	require.EqualValues(t, 3<<20, files[1].Size)
	require.Equal(t, memdisk.FileInfo{Name: "folder", Folder: true}, files[2])
	require.Equal(t, memdisk.FileInfo{Name: "folder/a", Size: 3, DurableSize: 3, Hash: files[3].Hash}, files[3])
	require.NotEqual(t, files[0].Hash, files[3].Hash)
	require.NoError(t, file.Truncate(3))
	require.Equal(t, files[3].Hash, disk.Files()[0].Hash, "the same bytes")
	require.EqualValues(t, 6+(3<<20), disk.Used())
}
