package balancer

import (
	"context"
	"net"
	"sync"
	"time"

	"chasqui/node"
)

// Peer is the other balancer of the pair.
type Peer interface {
	// Ping tells the peer this balancer's state and returns the peer's. An error means no answer within ctx.
	Ping(ctx context.Context, self State) (State, error)
}

// Balancer is one of a pair of TCP proxies. Its methods may be called concurrently.
type Balancer struct {
	host node.Host
	cfg  Config
	peer Peer
	pool *pool

	mu        sync.Mutex   // guards the fields below
	listener  net.Listener // the VIP's, nil while it is not held
	condition peerCondition
	peerState State
	missed    int       // questions that the peer left unanswered since it was last heard
	freeSince time.Time // when the peer's last change of Holding was heard
	// missedSince is when the first of these questions was asked, and frontendAsked when the latest check began that a frontend
	// answered, whatever it said.
	missedSince, frontendAsked time.Time
	// contested: the peer was heard to hold the VIP while this balancer does.
	contested bool
	// claimError is why the last claim did not succeed, nil after one that did.
	claimError error
}

// New returns a balancer that does nothing until Start. peer is nil for a balancer without a second one.
func New(host node.Host, cfg Config, peer Peer) (*Balancer, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	host.Tasks = host.Tasks.Group()
	b := &Balancer{host: host, cfg: cfg, peer: peer, pool: newPool(host.Log, cfg)}
	if peer == nil {
		b.condition = peerAbsent
	}
	return b, nil
}

// Start begins checking the frontends and looking after the VIP. It returns at once and must be called once.
func (b *Balancer) Start() {
	for _, u := range b.pool.upstreams {
		b.host.Tasks.Go("balancer-check", func(ctx context.Context) { b.watch(ctx, u) })
	}
	b.host.Tasks.Go("balancer-vip", b.hold)
}

// Stop releases the VIP, closes all connections and waits for the balancer's tasks. Stopping twice is harmless.
func (b *Balancer) Stop() {
	b.letGo()
	b.host.Tasks.Stop()
}

// HandlePing takes note of the peer's state and returns this balancer's own: the other end of Peer.Ping.
func (b *Balancer) HandlePing(peer State) State {
	b.heard(peer)
	return b.State()
}

// State returns what this balancer tells its peer.
func (b *Balancer) State() State {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.stateLocked()
}

func (b *Balancer) stateLocked() State {
	return State{ID: b.cfg.ID, Priority: b.cfg.Priority, Holding: b.listener != nil}
}

// Address returns the address the VIP's listener has, or nil while this balancer does not hold the VIP.
func (b *Balancer) Address() net.Addr {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.listener == nil {
		return nil
	}
	return b.listener.Addr()
}

// Counts returns the number of healthy frontends and of client connections.
func (b *Balancer) Counts() (healthyFrontends, connections int) { return b.pool.counts() }
