package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chasqui/node/virtual/abi"
	"chasqui/sim/witness"
	"chasqui/sim/world"
)

// testRun is a run whose hosts run no programs.
func testRun() *run {
	s := SteadyScenario()
	r := &run{
		scenario: s, result: &Result{Scenario: s}, cuts: map[[2]int]int{}, happened: map[FaultKind]int{}, injected: map[FaultKind]int{},
		checked: map[string]int{},
	}
	r.witness = witness.New(observer{r})
	r.buildWorld()
	return r
}

func TestADrainedFrontendGetsNoNewConnections(t *testing.T) {
	const at = 20 * time.Second
	for _, c := range []struct {
		name     string
		from     string
		bytes    string
		asked    time.Duration // 0: it was not
		fault    *Fault
		checked  int
		violates bool
	}{
		{name: "nobody stopped it", from: "balancer-1", bytes: "POST /"},
		{name: "a request", from: "balancer-1", bytes: "POST /", asked: at - 3*time.Second, checked: 1, violates: true},
		{name: "the first byte of one", from: "balancer-1", bytes: "P", asked: at - 3*time.Second, checked: 1, violates: true},
		{name: "a check", from: "balancer-1", bytes: "GET /healthz", asked: at - 3*time.Second, checked: 1},
		{name: "before anybody can know", from: "balancer-1", bytes: "POST /", asked: at - time.Second},
		{name: "from elsewhere", from: "client-1", bytes: "POST /", asked: at - 3*time.Second},
		{name: "the balancer stood still", from: "balancer-1", bytes: "POST /", asked: at - 3*time.Second, fault: &Fault{Kind: Pause, For: 1500 * time.Millisecond, On: []string{"balancer-1"}}},
		{name: "a backend stood still", from: "balancer-1", bytes: "POST /", asked: at - 3*time.Second, fault: &Fault{Kind: Pause, For: 1500 * time.Millisecond, On: []string{"backend-1"}}, checked: 1, violates: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := testRun()
			if c.fault != nil {
				c.fault.At = at - 2*time.Second
				r.world.At(c.fault.At, func() { r.begin(c.fault) })
			}
			require.NoError(t, r.world.Run(at, nil))
			m := r.member("frontend-1")
			m.asked, m.askedAt = c.asked > 0, c.asked
			r.greeted(m, r.member(c.from).host, []byte(c.bytes))
			require.Equal(t, c.checked, r.checked[ruleDrained])
			require.Equal(t, c.violates, len(r.result.Violations) == 1)
		})
	}
}

func TestOneHolderOfTheVirtualIP(t *testing.T) {
	for _, c := range []struct {
		name     string
		holders  []string
		down     bool
		fault    *Fault
		checked  int
		violates bool
	}{
		{name: "one", holders: []string{"balancer-2"}, checked: 1},
		{name: "none", checked: 1},
		{name: "two", holders: []string{"balancer-1", "balancer-2"}, checked: 1, violates: true},
		{name: "two, one of them dead", holders: []string{"balancer-1", "balancer-2"}, down: true},
		{name: "two that cannot see each other", holders: []string{"balancer-1", "balancer-2"}, fault: &Fault{Kind: NoPeer, Stays: true}},
		{name: "two of which one hears nothing", holders: []string{"balancer-1", "balancer-2"}, fault: &Fault{Kind: CutOneWay, Stays: true, On: []string{"balancer-1"}, And: []string{"balancer-2"}}},
		{name: "two that could not until just now", holders: []string{"balancer-1", "balancer-2"}, fault: &Fault{Kind: NoPeer, For: 29 * time.Second}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := testRun()
			for _, m := range r.ofRole(roleBalancer) {
				m.host.BootNative()
			}
			if c.fault != nil {
				r.world.At(0, func() { r.begin(c.fault) })
			}
			require.NoError(t, r.world.Run(30*time.Second, nil))
			for _, name := range c.holders {
				_, failed := r.member(name).host.Listen(vipAddress)
				require.Equal(t, abi.Errno(0), failed)
			}
			if c.down {
				r.member("balancer-1").held++
				r.member("balancer-1").host.Crash(world.CrashKill)
			}
			r.judgeHolders()
			require.Equal(t, c.checked, r.checked[ruleOneHolder])
			require.Equal(t, c.violates, len(r.result.Violations) == 1)
		})
	}
}

func TestStormsAreSeen(t *testing.T) {
	for name, events := range map[string]int{"work": eventsMax / 2, "storm": eventsMax + 10} {
		r := testRun()
		r.watchTraffic()
		r.world.At(3500*time.Millisecond, func() {
			for range events {
				r.world.Note("something")
			}
		})
		require.NoError(t, r.world.Run(6*time.Second, nil))
		require.Equal(t, name == "storm", len(r.result.Violations) == 1, name)
		require.Greater(t, r.checked[ruleStorm], 4)
	}
}
