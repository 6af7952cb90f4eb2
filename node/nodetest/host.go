package nodetest

import (
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chasqui/node"
	"chasqui/node/real"
)

// patience bounds what must happen soon. It is long, for a busy machine; nothing waits for it unless a test fails.
const patience = 20 * time.Second

// TestHost checks that hosts made by newHost keep the contracts of package node. Each subtest gets a host of its own,
// with an empty disk; newHost may use t.Cleanup to end it.
func TestHost(t *testing.T, newHost func(t *testing.T) node.Host) {
	t.Run("clock", func(t *testing.T) { testClock(t, newHost) })
	t.Run("network", func(t *testing.T) { testNetwork(t, newHost) })
	t.Run("disk", func(t *testing.T) {
		TestDisk(t, func(t *testing.T) node.Disk { return newHost(t).Disk })
	})
	t.Run("random", func(t *testing.T) { testRandom(t, newHost) })
	t.Run("tasks", func(t *testing.T) { testTasks(t, newHost) })
	t.Run("log and name are set", func(t *testing.T) {
		host := newHost(t)
		require.NotEmpty(t, host.Name)
		require.NotNil(t, host.Log)
		require.NotNil(t, host.Fail)
		host.With("part", "conformance").Log.Info("a line of the conformance suite")
	})
}

// RealHost returns the machine the test runs on, with an empty data folder and the log in the test's output. Its tasks
// are stopped when the test ends. A call of Fail fails the test and returns; a test that expects one replaces the field.
func RealHost(t testing.TB) node.Host {
	t.Helper()
	return RealHostIn(t, "host", t.TempDir())
}

// RealHostIn is RealHost with a name and a data folder of the caller's choice, for tests of several hosts and of hosts
// that restart.
func RealHostIn(t testing.TB, name, dataDir string) node.Host {
	t.Helper()
	output := &testOutput{w: t.Output()}
	host, err := real.New(real.Options{
		Name:      name,
		DataDir:   dataDir,
		LogLevel:  slog.LevelDebug,
		LogOutput: output,
		Fail:      func(err error) { t.Errorf("%s ended itself: %v", name, err) },
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		host.Tasks.Stop()
		output.end()
	})
	return host
}

// testOutput passes log lines on until the test ends; the testing package panics on later ones, and libraries may have
// goroutines that outlive the host.
type testOutput struct {
	mu sync.Mutex // guards w
	w  io.Writer
}

var _ io.Writer = (*testOutput)(nil)

// Write passes p on, or drops it after the end of the test.
func (o *testOutput) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.w.Write(p)
}

func (o *testOutput) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.w = io.Discard
}

// receive returns what arrives on ch, or fails the test when nothing does.
func receive[T any](t *testing.T, clock node.Clock, ch <-chan T, what string) T {
	t.Helper()
	timer := clock.NewTimer(patience)
	defer timer.Stop()
	select {
	case v := <-ch:
		return v
	case <-timer.C():
		require.FailNow(t, "nothing happened", "waiting for %s", what)
	}
	var none T
	return none
}
