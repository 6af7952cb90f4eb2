package node_test

import (
	"bytes"
	"context"
	"runtime/pprof"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"chasqui/node"
	"chasqui/node/nodetest"
)

func TestStopEndsContextsAndWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tasks := node.NewTasks(t.Context())
		cleaned := false
		require.True(t, tasks.Go("task", func(ctx context.Context) {
			<-ctx.Done()
			time.Sleep(time.Second) // a bubble's time: the task takes a while to end
			cleaned = true
		}))
		synctest.Wait()
		require.NoError(t, tasks.Context().Err())
		tasks.Stop()
		require.True(t, cleaned, "stop returned before the task did")
		require.ErrorIs(t, tasks.Context().Err(), context.Canceled)
	})
}

func TestGoAfterStopStartsNothing(t *testing.T) {
	tasks := node.NewTasks(t.Context())
	tasks.Stop()
	require.False(t, tasks.Go("late", func(context.Context) { t.Error("started after stop") }))
	tasks.Stop()
}

// TestGoRacesStop has tasks start tasks while the group stops: each is either waited for or not started.
func TestGoRacesStop(t *testing.T) {
	for range 100 {
		tasks := node.NewTasks(t.Context())
		stopping := make(chan struct{})
		stopped := make(chan struct{})
		var chain func(context.Context)
		chain = func(context.Context) {
			select {
			case <-stopped:
				t.Error("a task runs after stop returned")
			default:
				tasks.Go("link", chain)
			}
		}
		for range 4 {
			tasks.Go("link", chain)
		}
		tasks.Go("signal", func(context.Context) { close(stopping) })
		<-stopping
		tasks.Stop()
		close(stopped)
	}
}

func TestParentEndsTheContextsOfTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent, cancel := context.WithCancel(t.Context())
		tasks := node.NewTasks(parent)
		ended := false
		tasks.Go("task", func(ctx context.Context) {
			<-ctx.Done()
			ended = true
		})
		cancel()
		synctest.Wait()
		require.True(t, ended)
		tasks.Stop()
	})
}

func TestGroupEndsWithItsParentOrByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent := node.NewTasks(t.Context())
		one, other := parent.Group(), parent.Group()
		one.Stop()
		require.Error(t, one.Context().Err())
		require.NoError(t, parent.Context().Err(), "a group that stops leaves its parent alone")
		require.NoError(t, other.Context().Err(), "and its siblings")
		ended := false
		other.Go("task", func(ctx context.Context) {
			<-ctx.Done()
			ended = true
		})
		parent.Stop()
		synctest.Wait()
		require.True(t, ended, "the parent's end reaches the group")
		other.Stop()
	})
}

func TestTasksAreNamedInGoroutineDumps(t *testing.T) {
	tasks := node.NewTasks(t.Context())
	running := make(chan struct{})
	tasks.Go("a task with a name", func(ctx context.Context) {
		close(running)
		<-ctx.Done()
	})
	<-running
	var dump bytes.Buffer
	require.NoError(t, pprof.Lookup("goroutine").WriteTo(&dump, 1))
	require.Contains(t, dump.String(), `"task":"a task with a name"`)
	tasks.Stop()
}

func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := nodetest.RealHost(t).Clock
		start := clock.Now()
		require.NoError(t, node.Wait(t.Context(), clock, time.Hour))
		require.Equal(t, time.Hour, node.Since(clock, start))

		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start = clock.Now()
		require.ErrorIs(t, node.Wait(ctx, clock, time.Hour), context.DeadlineExceeded)
		require.Equal(t, time.Minute, node.Since(clock, start))
	})
}

func TestWithLeavesTheOriginalAlone(t *testing.T) {
	host := nodetest.RealHost(t)
	part := host.With("slot", 3)
	require.NotSame(t, host.Log, part.Log)
	require.Same(t, host.Tasks, part.Tasks)
	require.Equal(t, host.Name, part.Name)
}
