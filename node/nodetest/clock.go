package nodetest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chasqui/node"
)

// tick is a wait that is long enough to tell from none, and short enough for a suite.
const tick = 10 * time.Millisecond

// testClock checks that time moves forward and that timers fire when they should, and only then.
func testClock(t *testing.T, newHost func(t *testing.T) node.Host) {
	t.Run("a wait takes at least as long as asked", func(t *testing.T) {
		clock := newHost(t).Clock
		start := clock.Now()
		require.NoError(t, node.Wait(t.Context(), clock, tick))
		require.GreaterOrEqual(t, node.Since(clock, start), tick)
	})
	t.Run("never goes back", func(t *testing.T) {
		clock := newHost(t).Clock
		last := clock.Now()
		for range 1000 {
			next := clock.Now()
			require.False(t, next.Before(last), "%v is before %v", next, last)
			last = next
		}
	})
	t.Run("a timer fires once", func(t *testing.T) {
		clock := newHost(t).Clock
		start := clock.Now()
		timer := clock.NewTimer(tick)
		fired := receive(t, clock, timer.C(), "the timer")
		require.False(t, fired.Before(start.Add(tick)), "fired at %v, set at %v", fired, start)
		require.False(t, timer.Stop(), "a timer that fired is not running")
		require.NoError(t, node.Wait(t.Context(), clock, 2*tick))
		requireSilent(t, timer)
	})
	t.Run("a timer of no length fires at once", func(t *testing.T) {
		clock := newHost(t).Clock
		for _, d := range []time.Duration{0, -time.Hour} {
			receive(t, clock, clock.NewTimer(d).C(), "the timer")
		}
	})
	t.Run("a stopped timer stays silent", func(t *testing.T) {
		clock := newHost(t).Clock
		timer := clock.NewTimer(tick)
		require.True(t, timer.Stop(), "the timer was running")
		require.False(t, timer.Stop(), "the timer was stopped")
		require.NoError(t, node.Wait(t.Context(), clock, 2*tick))
		requireSilent(t, timer)
	})
	t.Run("stop and reset drop a value that was not received", func(t *testing.T) {
		clock := newHost(t).Clock
		timer := clock.NewTimer(0)
		require.NoError(t, node.Wait(t.Context(), clock, tick))
		timer.Stop()
		requireSilent(t, timer)
		timer.Reset(0)
		require.NoError(t, node.Wait(t.Context(), clock, tick))
		timer.Reset(time.Hour)
		requireSilent(t, timer)
		require.True(t, timer.Stop())
	})
	t.Run("reset moves a timer", func(t *testing.T) {
		clock := newHost(t).Clock
		timer := clock.NewTimer(time.Hour)
		require.True(t, timer.Reset(tick), "the timer was running")
		receive(t, clock, timer.C(), "the timer")
		require.False(t, timer.Reset(tick), "the timer had fired")
		receive(t, clock, timer.C(), "the timer")
	})
	t.Run("a wait ends with its context", func(t *testing.T) {
		clock := newHost(t).Clock
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, node.Wait(ctx, clock, time.Hour), context.Canceled)
	})
}

// requireSilent checks that the timer's channel has nothing to receive.
func requireSilent(t *testing.T, timer node.Timer) {
	t.Helper()
	select {
	case at := <-timer.C():
		require.FailNow(t, "unexpected value from a timer", "%v", at)
	default:
	}
}
