package balancer

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chasqui/node"
)

func TestConnectionsSpreadOverHealthyFrontends(t *testing.T) {
	host := newHost(t)
	one, two, sick := startFrontend(t, host, "one"), startFrontend(t, host, "two"), startFrontend(t, host, "sick")
	sick.sick.Store(true)
	b := startServing(t, host, testConfig(one, two, sick), 2)
	got := map[string]int{}
	for range 6 {
		c := connect(t, host, b)
		c.send("hello")
		got[c.receive()]++
	}
	require.Equal(t, map[string]int{"one:hello": 3, "two:hello": 3}, got)
	_, connections := b.Counts()
	require.Equal(t, 6, connections)
}

func TestTheFrontendWithFewestConnectionsIsNext(t *testing.T) {
	host := newHost(t)
	one, two := startFrontend(t, host, "one"), startFrontend(t, host, "two")
	b := startServing(t, host, testConfig(one, two), 2)
	byFrontend := map[string][]*client{}
	for range 6 {
		c := connect(t, host, b)
		c.send("x")
		name := c.receive()
		byFrontend[name] = append(byFrontend[name], c)
	}
	for _, c := range byFrontend["two:x"] {
		require.NoError(t, c.conn.Close())
	}
	eventually(t, "three connections have ended", func() bool { _, n := b.Counts(); return n == 3 })
	for range 3 {
		c := connect(t, host, b)
		c.send("x")
		require.Equal(t, "two:x", c.receive())
	}
}

func TestAnAnswerStillComesAfterTheClientHasSentItsLast(t *testing.T) {
	host := newHost(t)
	b := startServing(t, host, testConfig(startFrontend(t, host, "one")), 1)
	c := connect(t, host, b)
	c.send("last")
	require.NoError(t, c.conn.(halfCloser).CloseWrite())
	require.Equal(t, "one:last", c.receive())
	require.Equal(t, "end", c.receive())
	c.requireClosed()
	eventually(t, "the connection is forgotten", func() bool { _, n := b.Counts(); return n == 0 })
}

func TestAFrontendThatRefusesIsSkipped(t *testing.T) {
	host := newHost(t)
	dead, alive := startFrontend(t, host, "dead"), startFrontend(t, host, "alive")
	cfg := testConfig(dead, alive)
	cfg.CheckInterval = time.Hour // only dials tell
	b := startServing(t, host, cfg, 2)
	dead.close()
	for range 4 {
		c := connect(t, host, b)
		c.send("hello")
		require.Equal(t, "alive:hello", c.receive())
	}
	healthy, _ := b.Counts()
	require.Equal(t, 1, healthy, "two refused dials make a frontend unhealthy")
}

func TestConnectionsOfAnUnhealthyFrontendAreClosed(t *testing.T) {
	host := newHost(t)
	one, two := startFrontend(t, host, "one"), startFrontend(t, host, "two")
	b := startServing(t, host, testConfig(one, two), 2)
	clients := map[string]*client{}
	for range 2 {
		c := connect(t, host, b)
		c.send("x")
		clients[c.receive()] = c
	}
	one.sick.Store(true)
	clients["one:x"].requireClosed()
	clients["two:x"].send("still there")
	require.Equal(t, "two:still there", clients["two:x"].receive())

	one.sick.Store(false)
	eventually(t, "a frontend that answers again is used again", func() bool { n, _ := b.Counts(); return n == 2 })
	c := connect(t, host, b)
	c.send("x")
	require.Equal(t, "one:x", c.receive())
}

func TestADrainingFrontendKeepsItsConnectionsAndGetsNoNewOnes(t *testing.T) {
	host := newHost(t)
	one, two := startFrontend(t, host, "one"), startFrontend(t, host, "two")
	b := startServing(t, host, testConfig(one, two), 2)
	var old *client
	for range 2 {
		c := connect(t, host, b)
		c.send("x")
		if c.receive() == "one:x" {
			old = c
		}
	}
	one.draining.Store(true)
	eventually(t, "the balancer has noticed", func() bool { n, _ := b.Counts(); return n == 1 })
	for range 3 {
		c := connect(t, host, b)
		c.send("x")
		require.Equal(t, "two:x", c.receive())
	}
	old.send("still")
	require.Equal(t, "one:still", old.receive())
	one.draining.Store(false)
	one.sick.Store(true)
	old.requireClosed()
}

func TestWithoutAHealthyFrontendConnectionsAreClosedAtOnce(t *testing.T) {
	host := newHost(t)
	sick := startFrontend(t, host, "sick")
	sick.sick.Store(true)
	b := startServing(t, host, testConfig(sick), 0)
	connect(t, host, b).requireClosed()
}

func TestOneConnectionTooManyIsClosed(t *testing.T) {
	host := newHost(t)
	cfg := testConfig(startFrontend(t, host, "one"))
	cfg.MaxConnections = 1
	b := startServing(t, host, cfg, 1)
	first := connect(t, host, b)
	first.send("x")
	require.Equal(t, "one:x", first.receive())
	connect(t, host, b).requireClosed()
	first.send("y")
	require.Equal(t, "one:y", first.receive())
}

func TestAnIdleConnectionEnds(t *testing.T) {
	host := newHost(t)
	cfg := testConfig(startFrontend(t, host, "one"))
	cfg.IdleTimeout = 20 * time.Millisecond
	b := startServing(t, host, cfg, 1)
	c := connect(t, host, b)
	c.send("silence")
	c.requireClosed()
}

func TestAConnectionBusyInOneDirectionIsNotIdle(t *testing.T) {
	host := newHost(t)
	cfg := testConfig(startFrontend(t, host, "one"))
	cfg.IdleTimeout = 100 * time.Millisecond
	b := startServing(t, host, cfg, 1)
	c := connect(t, host, b)
	c.send("dots")
	for started := host.Clock.Now(); node.Since(host.Clock, started) < 6*cfg.IdleTimeout; {
		require.Equal(t, ".", c.receive())
	}
}

func TestStopEndsEverything(t *testing.T) {
	host := newHost(t)
	b := startServing(t, host, testConfig(startFrontend(t, host, "one")), 1)
	c := connect(t, host, b)
	c.send("x")
	require.Equal(t, "one:x", c.receive())
	address := b.Address().String()
	b.Stop()
	b.Stop()
	c.requireClosed()
	_, err := host.Network.Dial(context.Background(), address)
	var refused *net.OpError
	require.ErrorAs(t, err, &refused)
}
