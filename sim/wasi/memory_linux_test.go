package wasi_test

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMemoryIsFreedAtOnce looks at the addresses that this process has in use: an instance takes 256 MiB of them.
func TestMemoryIsFreedAtOnce(t *testing.T) {
	const instances, instancePages = 8, 256 << 20 / 4096
	before := pagesInUse(t)
	for range instances {
		m := newMachine(1)
		i := start(t, m, "timers")
		_, running := i.Resume()
		require.True(t, running)
		require.Greater(t, pagesInUse(t), before+instancePages/2, "the measure shows an instance")
		i.Kill()
	}
	for range instances {
		m := newMachine(1)
		m.run(t, start(t, m, "hello"))
	}
	require.Less(t, pagesInUse(t), before+2*instancePages)
}

// pagesInUse returns the size of this process's address space.
func pagesInUse(t *testing.T) int {
	t.Helper()
	statm, err := os.ReadFile("/proc/self/statm")
	require.NoError(t, err)
	pages, err := strconv.Atoi(strings.Fields(string(statm))[0])
	require.NoError(t, err)
	return pages
}
