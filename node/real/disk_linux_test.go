package real_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"chasqui/node"
	"chasqui/node/nodetest"
)

// TestLockExcludesAnotherHostOnTheFolder needs the kernel's locks; other systems exclude callers of one host only.
func TestLockExcludesAnotherHostOnTheFolder(t *testing.T) {
	dir := t.TempDir()
	one, other := nodetest.RealHostIn(t, "one", dir), nodetest.RealHostIn(t, "other", dir)
	held, err := one.Disk.Lock("lock")
	require.NoError(t, err)
	_, err = other.Disk.Lock("lock")
	require.ErrorIs(t, err, node.ErrLocked)
	require.NoError(t, held.Close())
	held, err = other.Disk.Lock("lock")
	require.NoError(t, err)
	require.NoError(t, held.Close())
}

// TestTruncateTakesRoom looks at the blocks of a file that was made longer, and at its bytes.
func TestTruncateTakesRoom(t *testing.T) {
	dir := t.TempDir()
	file, err := nodetest.RealHostIn(t, "one", dir).Disk.Create("a")
	require.NoError(t, err)
	defer file.Close()
	written := []byte("kept")
	_, err = file.WriteAt(written, 0)
	require.NoError(t, err)
	const size = 3<<20 + 5
	require.NoError(t, file.Truncate(size))
	info, err := os.Stat(filepath.Join(dir, "a"))
	require.NoError(t, err)
	require.EqualValues(t, size, info.Size())
	require.GreaterOrEqual(t, info.Sys().(*syscall.Stat_t).Blocks*512, int64(size), "a hole: a write may find no room")
	got := make([]byte, size)
	_, err = file.ReadAt(got, 0)
	require.NoError(t, err)
	require.Equal(t, append(written, make([]byte, size-len(written))...), got)
}
