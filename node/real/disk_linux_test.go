package real_test

import (
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
