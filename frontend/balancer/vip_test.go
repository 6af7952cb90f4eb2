package balancer

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chasqui/node"
)

// link is the way to a peer that can be cut, and that leads nowhere while the peer is down.
type link struct {
	peer atomic.Pointer[Balancer]
	cut  atomic.Bool
}

func (l *link) Ping(_ context.Context, self State) (State, error) {
	peer := l.peer.Load()
	if peer == nil || l.cut.Load() {
		return State{}, errors.New("no answer")
	}
	return peer.HandlePing(self), nil
}

// freeAddress returns an address nobody listens on. Another process may take it before it is used, in theory.
func freeAddress(t *testing.T, host node.Host) string {
	t.Helper()
	listener, err := host.Network.Listen("127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().String()
}

func pairConfigs(t *testing.T, host node.Host) (primary, secondary Config) {
	t.Helper()
	frontend := startFrontend(t, host, "one")
	primary, secondary = testConfig(frontend), testConfig(frontend)
	primary.VIP = freeAddress(t, host)
	secondary.VIP = primary.VIP
	secondary.ID, secondary.Priority = "balancer-2", Secondary
	return primary, secondary
}

func holds(b *Balancer) func() bool { return func() bool { return b.State().Holding } }

func TestTheSecondaryTakesOverAndKeepsTheVIP(t *testing.T) {
	host := newHost(t)
	primaryConfig, secondaryConfig := pairConfigs(t, host)
	primaryConfig.PingInterval, secondaryConfig.PingInterval = DefaultConfig().PingInterval, DefaultConfig().PingInterval
	var toPrimary, toSecondary link

	secondary, err := New(host, secondaryConfig, &toPrimary)
	require.NoError(t, err)
	toSecondary.peer.Store(secondary)
	primary, err := New(host, primaryConfig, &toSecondary)
	require.NoError(t, err)
	toPrimary.peer.Store(primary)
	primary.Start()
	defer primary.Stop()
	eventually(t, "the primary takes the free VIP", holds(primary))
	secondary.Start()
	defer secondary.Stop()

	// The primary dies: it answers no more, and the system closes its listener.
	died := host.Clock.Now()
	toPrimary.peer.Store(nil)
	primary.Stop()
	eventually(t, "the secondary takes over", holds(secondary))
	require.Less(t, node.Since(host.Clock, died), 1500*time.Millisecond)
	eventually(t, "its frontend is checked", func() bool { n, _ := secondary.Counts(); return n == 1 })
	c := connect(t, host, secondary)
	c.send("hello")
	require.Equal(t, "one:hello", c.receive())

	// The primary returns. It hears that the secondary holds, and stands by.
	var fromReturned link
	fromReturned.peer.Store(secondary)
	returned, err := New(host, primaryConfig, &fromReturned)
	require.NoError(t, err)
	toPrimary.peer.Store(returned)
	returned.Start()
	defer returned.Stop()
	eventually(t, "they hear each other", func() bool {
		return returned.view().condition == peerAnswers && secondary.view().condition == peerAnswers
	})
	require.Equal(t, stay, decide(returned.view()))
	require.Equal(t, stay, decide(secondary.view()))
	require.False(t, returned.State().Holding)
	c.send("no interruption")
	require.Equal(t, "one:no interruption", c.receive())
}

func TestASilentPeerThatStillListensKeepsTheVIP(t *testing.T) {
	host := newHost(t)
	primaryConfig, secondaryConfig := pairConfigs(t, host)
	primary := start(t, host, primaryConfig, nil)
	eventually(t, "the primary holds", holds(primary))

	var toPrimary link
	toPrimary.cut.Store(true)
	secondary := start(t, host, secondaryConfig, &toPrimary)
	eventually(t, "the secondary tries in vain", func() bool {
		secondary.mu.Lock()
		defer secondary.mu.Unlock()
		return errors.Is(secondary.claimError, node.ErrAddressInUse)
	})
	require.False(t, secondary.State().Holding)
	primary.Stop()
	eventually(t, "and gets the VIP once it is free", holds(secondary))
}

func TestTheSecondaryTakesAVIPItsPrimaryLeavesFree(t *testing.T) {
	host := newHost(t)
	primaryConfig, secondaryConfig := pairConfigs(t, host)
	var toPrimary link
	primary, err := New(host, primaryConfig, nil) // answers, but is not started and so never claims
	require.NoError(t, err)
	toPrimary.peer.Store(primary)
	secondary := start(t, host, secondaryConfig, &toPrimary)
	eventually(t, "the secondary claims after its wait", holds(secondary))
}

// On two machines nothing keeps both from listening while they do not hear each other. As soon as they do, in either
// direction, the secondary lets go.
func TestAVIPHeldTwiceIsReleasedByTheSecondary(t *testing.T) {
	for _, c := range []struct {
		name                                  string
		healPrimaryToSecondary, healBackwards bool
	}{
		{"both directions heal", true, true},
		{"only the primary's questions arrive", true, false},
		{"only the secondary's questions arrive", false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			host := newHost(t)
			primaryConfig, secondaryConfig := pairConfigs(t, host)
			primaryConfig.VIP, secondaryConfig.VIP = "127.0.0.1:0", "127.0.0.1:0" // two machines
			var toPrimary, toSecondary link
			toPrimary.cut.Store(true)
			toSecondary.cut.Store(true)
			primary := start(t, host, primaryConfig, &toSecondary)
			secondary := start(t, host, secondaryConfig, &toPrimary)
			toPrimary.peer.Store(primary)
			toSecondary.peer.Store(secondary)
			eventually(t, "both hold", func() bool { return primary.State().Holding && secondary.State().Holding })
			address := func() string {
				primary.mu.Lock()
				defer primary.mu.Unlock()
				return primary.listener.Addr().String()
			}
			before := address()
			eventually(t, "its frontend is checked", func() bool { n, _ := primary.Counts(); return n == 1 })
			user := connect(t, host, primary)
			user.send("before")
			require.Equal(t, "one:before", user.receive())

			toSecondary.cut.Store(!c.healPrimaryToSecondary)
			toPrimary.cut.Store(!c.healBackwards)
			eventually(t, "the secondary releases", func() bool { return !secondary.State().Holding })
			require.True(t, primary.State().Holding)
			// Port 0 is another port every time.
			eventually(t, "the primary announces itself again", func() bool { return address() != before })
			require.True(t, primary.State().Holding)
			user.send("after")
			require.Equal(t, "one:after", user.receive())
			again := connect(t, host, primary)
			again.send("hello")
			require.Equal(t, "one:hello", again.receive())
		})
	}
}

// A balancer that hears nobody is the one that is away: clients must not follow it to where nothing is heard of them.
func TestWhoHearsNobodyLeavesTheVIPAlone(t *testing.T) {
	host := newHost(t)
	frontend := startFrontend(t, host, "one")
	cfg := testConfig(frontend)
	cfg.CheckTimeout = 50 * time.Millisecond
	var toPeer link
	toPeer.cut.Store(true)
	b := start(t, host, cfg, &toPeer)
	eventually(t, "it hears a frontend and takes over from its silent peer", holds(b))

	frontend.close()
	eventually(t, "it hears nobody and lets go", func() bool { return !b.State().Holding })
	missed := func() int {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.missed
	}
	before := missed()
	eventually(t, "it has missed its peer for long", func() bool {
		require.False(t, b.State().Holding)
		return missed() >= before+20
	})

	listener, err := host.Network.Listen(frontend.address())
	require.NoError(t, err)
	back := &fakeFrontend{name: "back", host: host, listener: listener}
	back.sick.Store(true) // unwell, and heard all the same
	back.run(t)
	eventually(t, "it hears a frontend again", holds(b))
}

// A balancer that stands by and loses its peer and all frontends at one moment was cut off itself: it must not claim even once.
func TestWhoLosesEverybodyAtOnceDoesNotClaim(t *testing.T) {
	host := newHost(t)
	frontend := startFrontend(t, host, "one")
	cfg := testConfig(frontend)
	cfg.ID, cfg.Priority, cfg.CheckTimeout = "balancer-2", Secondary, patience // one answer counts for long
	peer := holder{holding: State{ID: "balancer-1", Priority: Primary, Holding: true}}
	b := start(t, host, cfg, &peer)
	eventually(t, "it hears both", func() bool {
		n, _ := b.Counts()
		return n == 1 && b.view().condition == peerAnswers
	})
	frontend.close()
	eventually(t, "it hears no frontend", func() bool { n, _ := b.Counts(); return n == 0 })
	peer.silent.Store(true)
	eventually(t, "it has missed its peer for long", func() bool {
		require.False(t, b.State().Holding)
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.missed > 10*cfg.SilentAfter
	})
}

// holder is a peer that answers with a state, or not at all.
type holder struct {
	holding State
	silent  atomic.Bool
}

func (h *holder) Ping(context.Context, State) (State, error) {
	if h.silent.Load() {
		return State{}, errors.New("no answer")
	}
	return h.holding, nil
}

func TestConfigValidate(t *testing.T) {
	valid := DefaultConfig()
	valid.ID, valid.Priority, valid.VIP, valid.Frontends = "balancer-1", Primary, "127.0.0.1:9324", []string{"127.0.0.1:1"}
	require.NoError(t, valid.Validate())
	for name, spoil := range map[string]func(*Config){
		"id":         func(c *Config) { c.ID = "" },
		"VIP":        func(c *Config) { c.VIP = "" },
		"priority":   func(c *Config) { c.Priority = 0 },
		"frontends":  func(c *Config) { c.Frontends = nil },
		"twice":      func(c *Config) { c.Frontends = []string{"a:1", "a:1"} },
		"interval":   func(c *Config) { c.CheckInterval = 0 },
		"idle":       func(c *Config) { c.IdleTimeout = -1 },
		"failures":   func(c *Config) { c.UnhealthyAfter = 0 },
		"connection": func(c *Config) { c.MaxConnections = 0 },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := valid
			spoil(&cfg)
			require.Error(t, cfg.Validate())
		})
	}
}
