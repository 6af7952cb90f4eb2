package nodetest

import (
	"context"
	"io"
	"io/fs"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"chasqui/node"
)

// TestDisk checks that disks made by newDisk keep the contract of node.Disk, as far as can be seen without a crash.
// Each subtest gets an empty disk of its own.
func TestDisk(t *testing.T, newDisk func(t *testing.T) node.Disk) {
	t.Run("names", func(t *testing.T) { testNames(t, newDisk) })
	t.Run("bytes", func(t *testing.T) { testBytes(t, newDisk) })
	t.Run("lock", func(t *testing.T) { testLock(t, newDisk) })
	t.Run("free", func(t *testing.T) {
		free, err := newDisk(t).Free()
		require.NoError(t, err)
		require.Positive(t, free)
	})
}

// testNames checks what may be called what.
func testNames(t *testing.T, newDisk func(t *testing.T) node.Disk) {
	t.Run("create takes a name once", func(t *testing.T) {
		disk := newDisk(t)
		write(t, disk, "a", "first")
		_, err := disk.Create("a")
		require.ErrorIs(t, err, fs.ErrExist)
		require.Equal(t, "first", read(t, disk, "a"))
	})
	t.Run("what does not exist", func(t *testing.T) {
		disk := newDisk(t)
		_, err := disk.Open("a")
		require.ErrorIs(t, err, fs.ErrNotExist)
		_, err = disk.Create("folder/a")
		require.ErrorIs(t, err, fs.ErrNotExist)
		_, err = disk.List("folder")
		require.ErrorIs(t, err, fs.ErrNotExist)
		require.ErrorIs(t, disk.Remove("a"), fs.ErrNotExist)
		require.ErrorIs(t, disk.Rename("a", "b"), fs.ErrNotExist)
		require.ErrorIs(t, disk.SyncDir("folder"), fs.ErrNotExist)
	})
	t.Run("rename replaces", func(t *testing.T) {
		disk := newDisk(t)
		require.NoError(t, disk.MakeDir("folder"))
		write(t, disk, "old", "old")
		write(t, disk, "new", "new")
		require.NoError(t, disk.Rename("new", "old"))
		require.Equal(t, "new", read(t, disk, "old"))
		require.Equal(t, []string{"folder", "old"}, list(t, disk, "."))
		require.NoError(t, disk.Rename("old", "folder/moved"))
		require.Equal(t, "new", read(t, disk, "folder/moved"))
		require.Equal(t, []string{"folder"}, list(t, disk, "."))
		require.NoError(t, disk.Rename("folder/moved", "folder/moved"))
		require.Equal(t, []string{"moved"}, list(t, disk, "folder"))
	})
	t.Run("rename moves a folder", func(t *testing.T) {
		disk := newDisk(t)
		require.NoError(t, disk.MakeDir("snapshot.tmp"))
		write(t, disk, "snapshot.tmp/a", "a")
		require.NoError(t, disk.Rename("snapshot.tmp", "snapshot"))
		require.Equal(t, "a", read(t, disk, "snapshot/a"))
		require.Equal(t, []string{"snapshot"}, list(t, disk, "."))
		require.Error(t, disk.Rename("snapshot", "snapshot/inside"), "a folder cannot move into itself")
		write(t, disk, "file", "")
		require.Error(t, disk.Rename("file", "snapshot"), "a file cannot replace a folder")
		require.Equal(t, "a", read(t, disk, "snapshot/a"))
	})
	t.Run("remove", func(t *testing.T) {
		disk := newDisk(t)
		require.NoError(t, disk.MakeDir("folder"))
		write(t, disk, "folder/a", "a")
		require.Error(t, disk.Remove("folder"), "the folder is not empty")
		open, err := disk.Open("folder/a")
		require.NoError(t, err)
		require.NoError(t, disk.Remove("folder/a"))
		require.Empty(t, list(t, disk, "folder"))
		require.NoError(t, disk.Remove("folder"))
		require.Empty(t, list(t, disk, "."))
		got := make([]byte, 1)
		_, err = open.ReadAt(got, 0)
		require.NoError(t, err, "an open file stays readable")
		require.Equal(t, "a", string(got))
		require.NoError(t, open.Close())
	})
	t.Run("list is sorted", func(t *testing.T) {
		disk := newDisk(t)
		require.NoError(t, disk.MakeDir("b/c/d"))
		require.NoError(t, disk.MakeDir("b/c"), "an existing folder is fine")
		require.NoError(t, disk.MakeDir("."))
		for _, name := range []string{"b/z", "b/a", "b/10", "b/9"} {
			write(t, disk, name, "")
		}
		require.Equal(t, []string{"10", "9", "a", "c", "z"}, list(t, disk, "b"))
		require.Equal(t, []string{"b"}, list(t, disk, "."))
	})
	t.Run("a file is not a folder", func(t *testing.T) {
		disk := newDisk(t)
		write(t, disk, "file", "")
		require.NoError(t, disk.MakeDir("folder"))
		require.Error(t, disk.MakeDir("file"))
		require.Error(t, disk.MakeDir("file/below"))
		_, err := disk.Create("file/below")
		require.Error(t, err)
		_, err = disk.Open("folder")
		require.Error(t, err)
		_, err = disk.List("file")
		require.Error(t, err)
		_, err = disk.Create("folder")
		require.ErrorIs(t, err, fs.ErrExist)
	})
	t.Run("names that leave the data folder are refused", func(t *testing.T) { testEscapes(t, newDisk(t)) })
	t.Run("syncdir", func(t *testing.T) {
		disk := newDisk(t)
		require.NoError(t, disk.MakeDir("folder"))
		write(t, disk, "folder/a", "a")
		require.NoError(t, disk.SyncDir("folder"))
		require.NoError(t, disk.SyncDir("."))
	})
}

// testEscapes tries every method with every kind of name that is not a plain relative path.
func testEscapes(t *testing.T, disk node.Disk) {
	write(t, disk, "here", "here")
	for _, name := range []string{"", "/", "/tmp/a", "..", "../a", "folder/../../a", "./here", "folder//a", "folder/"} {
		_, err := disk.Create(name)
		require.ErrorIs(t, err, fs.ErrInvalid, "create %q", name)
		_, err = disk.Open(name)
		require.ErrorIs(t, err, fs.ErrInvalid, "open %q", name)
		_, err = disk.List(name)
		require.ErrorIs(t, err, fs.ErrInvalid, "list %q", name)
		_, err = disk.Lock(name)
		require.ErrorIs(t, err, fs.ErrInvalid, "lock %q", name)
		require.ErrorIs(t, disk.Rename("here", name), fs.ErrInvalid, "rename to %q", name)
		require.ErrorIs(t, disk.Rename(name, "there"), fs.ErrInvalid, "rename from %q", name)
		require.ErrorIs(t, disk.Remove(name), fs.ErrInvalid, "remove %q", name)
		require.ErrorIs(t, disk.MakeDir(name), fs.ErrInvalid, "makedir %q", name)
		require.ErrorIs(t, disk.SyncDir(name), fs.ErrInvalid, "syncdir %q", name)
	}
	require.Equal(t, []string{"here"}, list(t, disk, "."))
}

// testBytes checks what is read after what was written.
func testBytes(t *testing.T, newDisk func(t *testing.T) node.Disk) {
	t.Run("write, overwrite, hole", func(t *testing.T) {
		disk := newDisk(t)
		file := write(t, disk, "a", "hello")
		writeAt(t, file, 1, "ipp")
		require.Equal(t, "hippo", read(t, disk, "a"))
		writeAt(t, file, 7, "s")
		require.Equal(t, "hippo\x00\x00s", read(t, disk, "a"))
	})
	t.Run("read at the end", func(t *testing.T) {
		file := write(t, newDisk(t), "a", "hello")
		got := make([]byte, 8)
		n, err := file.ReadAt(got, 2)
		require.Equal(t, "llo", string(got[:n]))
		require.ErrorIs(t, err, io.EOF)
		for _, offset := range []int64{5, 100} {
			n, err = file.ReadAt(got, offset)
			require.Zero(t, n)
			require.ErrorIs(t, err, io.EOF)
		}
		n, err = file.ReadAt(nil, 5)
		require.Zero(t, n)
		require.NoError(t, err, "nothing was asked for")
	})
	t.Run("truncate", func(t *testing.T) {
		disk := newDisk(t)
		file := write(t, disk, "a", "hello")
		require.NoError(t, file.Truncate(2))
		require.Equal(t, "he", read(t, disk, "a"))
		require.NoError(t, file.Truncate(4))
		require.Equal(t, "he\x00\x00", read(t, disk, "a"), "what was cut off does not come back")
		require.Error(t, file.Truncate(-1))
	})
	t.Run("negative offsets are refused", func(t *testing.T) {
		file := write(t, newDisk(t), "a", "hello")
		_, err := file.ReadAt(make([]byte, 1), -1)
		require.Error(t, err)
		_, err = file.WriteAt([]byte("a"), -1)
		require.Error(t, err)
	})
	t.Run("two handles see one file, under any name", func(t *testing.T) {
		disk := newDisk(t)
		one := write(t, disk, "a", "hello")
		other, err := disk.Open("a")
		require.NoError(t, err)
		require.NoError(t, disk.Rename("a", "b"))
		writeAt(t, other, 0, "J")
		got := make([]byte, 5)
		_, err = one.ReadAt(got, 0)
		require.NoError(t, err)
		require.Equal(t, "Jello", string(got))
		require.NoError(t, other.Close())
		require.Equal(t, "Jello", read(t, disk, "b"))
	})
	t.Run("sync keeps what was written", func(t *testing.T) {
		disk := newDisk(t)
		file := write(t, disk, "a", "hello")
		require.NoError(t, file.Sync())
		writeAt(t, file, 5, " world")
		require.NoError(t, file.Sync())
		require.NoError(t, file.Sync(), "nothing to do")
		require.Equal(t, "hello world", read(t, disk, "a"))
	})
	t.Run("a closed file is of no use", func(t *testing.T) {
		disk := newDisk(t)
		file, err := disk.Create("a")
		require.NoError(t, err)
		require.NoError(t, file.Close())
		_, err = file.ReadAt(make([]byte, 1), 0)
		require.ErrorIs(t, err, fs.ErrClosed)
		_, err = file.WriteAt([]byte("a"), 0)
		require.ErrorIs(t, err, fs.ErrClosed)
		_, err = file.Size()
		require.ErrorIs(t, err, fs.ErrClosed)
		require.ErrorIs(t, file.Truncate(0), fs.ErrClosed)
		require.ErrorIs(t, file.Sync(), fs.ErrClosed)
		require.ErrorIs(t, file.Close(), fs.ErrClosed)
	})
	t.Run("writes that do not overlap may be concurrent", func(t *testing.T) { testConcurrentWrites(t, newDisk(t)) })
}

// testConcurrentWrites has several writers fill stripes of one file while others sync and read.
func testConcurrentWrites(t *testing.T, disk node.Disk) {
	const writers, stripes, stripeBytes = 4, 32, 1000
	file, err := disk.Create("a")
	require.NoError(t, err)
	tasks := node.NewTasks(t.Context())
	defer tasks.Stop()
	var done sync.WaitGroup
	failures := make(chan error, 2*writers*stripes)
	for w := range writers {
		done.Add(1)
		tasks.Go("writer", func(context.Context) {
			defer done.Done()
			stripe := make([]byte, stripeBytes)
			for i := range stripe {
				stripe[i] = byte('a' + w)
			}
			for s := range stripes {
				if _, err := file.WriteAt(stripe, int64((s*writers+w)*stripeBytes)); err != nil {
					failures <- err
				}
				if s%8 == w {
					if err := file.Sync(); err != nil {
						failures <- err
					}
				}
			}
		})
	}
	done.Wait()
	select {
	case err := <-failures:
		require.NoError(t, err)
	default:
	}
	got := read(t, disk, "a")
	require.Len(t, got, writers*stripes*stripeBytes)
	for i := range got {
		if want := byte('a' + i/stripeBytes%writers); got[i] != want {
			require.FailNow(t, "a write is missing", "byte %d is %q, want %q", i, got[i], want)
		}
	}
	require.NoError(t, file.Close())
}

// testLock checks that a lock has one holder.
func testLock(t *testing.T, newDisk func(t *testing.T) node.Disk) {
	disk := newDisk(t)
	held, err := disk.Lock("lock")
	require.NoError(t, err)
	_, err = disk.Lock("lock")
	require.ErrorIs(t, err, node.ErrLocked)
	other, err := disk.Lock("other")
	require.NoError(t, err, "another name is another lock")
	require.NoError(t, other.Close())
	require.NoError(t, held.Close())
	require.NoError(t, held.Close(), "closing twice is harmless")
	again, err := disk.Lock("lock")
	require.NoError(t, err, "a closed lock is free")
	require.NoError(t, held.Close())
	_, err = disk.Lock("lock")
	require.ErrorIs(t, err, node.ErrLocked, "closing the old lock does not release the new one")
	require.NoError(t, again.Close())
	require.Equal(t, []string{"lock", "other"}, list(t, disk, "."), "the files of the locks stay")
}

// write creates a file and returns it open until the test ends.
func write(t *testing.T, disk node.Disk, name, content string) node.File {
	t.Helper()
	file, err := disk.Create(name)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, file.Close()) })
	writeAt(t, file, 0, content)
	return file
}

func writeAt(t *testing.T, file node.File, offset int64, content string) {
	t.Helper()
	n, err := file.WriteAt([]byte(content), offset)
	require.NoError(t, err)
	require.Equal(t, len(content), n)
}

// read returns a file's bytes, as many as Size says.
func read(t *testing.T, disk node.Disk, name string) string {
	t.Helper()
	file, err := disk.Open(name)
	require.NoError(t, err)
	size, err := file.Size()
	require.NoError(t, err)
	content := make([]byte, size)
	n, err := file.ReadAt(content, 0)
	require.NoError(t, err)
	require.EqualValues(t, size, n)
	require.NoError(t, file.Close())
	return string(content)
}

func list(t *testing.T, disk node.Disk, dir string) []string {
	t.Helper()
	names, err := disk.List(dir)
	require.NoError(t, err)
	return names
}
