package sim

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"chasqui/sim/world"
)

// still is a guest that does nothing.
type still struct{}

func (still) Resume() (world.Wait, bool) { return world.Wait{}, true }
func (still) Exit() (uint32, string)     { return 0, "" }
func (still) Kill()                      {}

func TestAProgramThatNeverWaitsIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := make(chan string, 10)
		s := SteadyScenario()
		r := &run{scenario: s, world: world.New(1, world.DefaultConfig())}
		r.options.Stuck = func(seed uint64, host string) {
			require.Equal(t, s.Seed, seed)
			stuck <- host
		}
		end := r.watch()
		time.Sleep(10*stuckAfter + stuckAfter/2) // from here on between two looks
		require.Empty(t, stuck, "nothing has run yet")
		h := r.world.AddHost(world.HostSpec{Name: "busy", IP: "10.0.0.1"})
		require.NoError(t, h.Boot(func(*world.Host) (world.Guest, error) { return still{}, nil }))
		require.NoError(t, r.world.Run(time.Second, nil))
		time.Sleep(stuckAfter)
		require.Empty(t, stuck, "it has run since the last look")
		time.Sleep(stuckAfter)
		require.Equal(t, "busy", <-stuck)
		end()
		time.Sleep(10 * stuckAfter)
		require.LessOrEqual(t, len(stuck), 1)
	})
}
