package balancer

import (
	"context"
	"errors"
	"time"

	"chasqui/node"
)

// hold follows the peer and takes or leaves the VIP as decide says, until ctx ends.
func (b *Balancer) hold(ctx context.Context) {
	// After ctx has ended no task can start, so no connection can slip in behind closeAll and keep Stop waiting.
	defer b.pool.closeAll()
	defer b.letGo()
	for {
		started := b.host.Clock.Now()
		b.askPeer(ctx)
		if ctx.Err() != nil {
			return
		}
		seen := b.view()
		switch decide(seen) {
		case claim:
			b.claim()
		case release:
			why := "the peer holds it too and ranks higher"
			if seen.condition == peerSilent {
				why = "neither the peer nor any frontend is heard of"
			}
			b.host.Log.Warn("releasing the virtual IP", "vip", b.cfg.VIP, "reason", why)
			b.letGo()
		default:
			b.announceAgain()
		}
		if node.Wait(ctx, b.host.Clock, b.cfg.PingInterval-node.Since(b.host.Clock, started)) != nil {
			return
		}
	}
}

// askPeer exchanges states with the peer once and takes note of the outcome.
func (b *Balancer) askPeer(ctx context.Context) {
	if b.peer == nil {
		return
	}
	asked := b.host.Clock.Now()
	pingCtx, cancel := context.WithTimeout(ctx, b.cfg.PingTimeout)
	defer cancel()
	answer, err := b.peer.Ping(pingCtx, b.State())
	if err == nil {
		b.heard(answer)
		return
	}
	if ctx.Err() != nil {
		return
	}
	b.mu.Lock()
	if b.missed == 0 {
		b.missedSince = asked
	}
	b.missed++
	lost := b.missed == b.cfg.SilentAfter
	if b.missed >= b.cfg.SilentAfter {
		b.condition = peerSilent
	}
	b.mu.Unlock()
	if lost {
		b.host.Log.Warn("the peer balancer does not answer", "missed", b.cfg.SilentAfter, "error", err)
	}
}

// heard takes note of what the peer said of itself, be it as an answer or as a question of its own: when a network
// passes messages one way only, that is enough to notice a VIP held twice.
func (b *Balancer) heard(peer State) {
	b.mu.Lock()
	changed := b.condition != peerAnswers || b.peerState != peer
	if b.condition != peerAnswers || b.peerState.Holding != peer.Holding {
		b.freeSince = b.host.Clock.Now()
	}
	b.condition, b.peerState, b.missed = peerAnswers, peer, 0
	b.contested = b.listener != nil && (b.contested || peer.Holding)
	b.mu.Unlock()
	if changed {
		b.host.Log.Info("the peer balancer answers", "peer", peer.ID, "priority", peer.Priority.String(), "holding", peer.Holding)
	}
}

func (b *Balancer) view() view {
	b.mu.Lock()
	defer b.mu.Unlock()
	v := view{
		self:          b.stateLocked(),
		condition:     b.condition,
		peer:          b.peerState,
		secondaryWait: b.cfg.SecondaryWait,
		heard:         b.frontendAsked.After(b.missedSince),
		deaf:          node.Since(b.host.Clock, b.frontendAsked) > time.Duration(b.cfg.UnhealthyAfter)*(b.cfg.CheckInterval+b.cfg.CheckTimeout),
	}
	if b.condition == peerAnswers && !b.peerState.Holding {
		v.free = node.Since(b.host.Clock, b.freeSince)
	}
	return v
}

// claim tries to listen on the VIP. That another process holds it is an expected answer while the peer is silent but
// alive; it is logged once, not five times a second.
func (b *Balancer) claim() {
	listener, err := b.host.Network.Listen(b.cfg.VIP)
	if err != nil {
		b.mu.Lock()
		first := b.claimError == nil || errors.Is(b.claimError, node.ErrAddressInUse) != errors.Is(err, node.ErrAddressInUse)
		b.claimError = err
		b.mu.Unlock()
		if first {
			b.host.Log.Warn("the virtual IP cannot be taken over: standing by", "vip", b.cfg.VIP, "error", err)
		}
		return
	}
	b.mu.Lock()
	b.listener, b.claimError = listener, nil
	b.mu.Unlock()
	b.host.Log.Info("holding the virtual IP", "vip", listener.Addr().String())
	b.host.Tasks.Go("balancer-accept", func(ctx context.Context) { b.accept(ctx, listener) })
}

// announceAgain listens on the VIP anew once a peer that held it too has let go. Clients that followed the peer, whose
// announcement came later, would otherwise knock at a host that does not answer until they ask for the address by
// themselves. Connections that came through the VIP go on.
func (b *Balancer) announceAgain() {
	b.mu.Lock()
	listener := b.listener
	again := b.contested && listener != nil && b.condition == peerAnswers && !b.peerState.Holding
	b.contested = b.contested && !again
	b.mu.Unlock()
	if !again {
		return
	}
	b.host.Log.Info("the peer has let the virtual IP go: announcing it again", "vip", b.cfg.VIP)
	if err := listener.Close(); err != nil {
		b.host.Log.Warn("closing the virtual IP's listener", "vip", b.cfg.VIP, "error", err)
	}
	b.claim()
	b.mu.Lock()
	lost := b.listener == listener // claim has said why
	if lost {
		b.listener = nil
	}
	b.mu.Unlock()
	if lost {
		b.pool.closeAll()
	}
}

// letGo stops listening on the VIP and closes the connections that came through it. Harmless if it is not held.
func (b *Balancer) letGo() {
	b.mu.Lock()
	listener := b.listener
	b.listener = nil
	b.mu.Unlock()
	if listener == nil {
		return
	}
	if err := listener.Close(); err != nil {
		b.host.Log.Warn("closing the virtual IP's listener", "vip", b.cfg.VIP, "error", err)
	}
	b.pool.closeAll()
	b.host.Log.Info("released the virtual IP", "vip", b.cfg.VIP)
}
