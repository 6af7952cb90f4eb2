package metadata

import (
	"context"
	"fmt"
	"sync"
	"time"

	"chasqui/node"
	"chasqui/node/rpc"
)

// pendingInterval is the pause between heartbeats while this host is being registered.
const pendingInterval = 50 * time.Millisecond

// Registrar is a backend host's side of the heartbeat: it describes the host to every metadata host twice a second
// and hands on what they say of the cluster.
type Registrar struct {
	host       node.Host
	caller     Caller
	addresses  []string
	info       func() HeartbeatInfo
	onTopology func(Topology)

	mu       sync.Mutex // guards the fields below; held while onTopology runs, so that calls come one at a time
	version  uint64     // of the topology handed on last
	accepted bool
	refused  error
}

// NewRegistrar returns a Registrar that sends what info returns to the metadata hosts at addresses. onTopology is
// called with every topology that has another version and assigned slots: the members and addresses of the slots it
// shows may have changed. Calls come one at a time and only after the host was accepted; onTopology may block, which
// delays heartbeats, so it should hand longer work on. info may be called concurrently.
func NewRegistrar(host node.Host, caller Caller, addresses []string, info func() HeartbeatInfo, onTopology func(Topology)) *Registrar {
	return &Registrar{
		host: host.With("part", "registrar"), caller: caller, addresses: addresses, info: info, onTopology: onTopology,
	}
}

// Run sends heartbeats until ctx ends and then returns nil, or until a metadata host refuses this host and then
// returns an error that is ErrRefused and says why: the host must not serve.
func (r *Registrar) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	tasks := r.host.Tasks.Group()
	defer tasks.Stop()
	for _, address := range r.addresses {
		tasks.Go("heartbeat to "+address, func(context.Context) {
			r.beat(ctx, address)
			cancel() // refused, or ctx has ended: the other tasks end too
		})
	}
	select {
	case <-ctx.Done():
	case <-tasks.Context().Done():
	}
	cancel()
	tasks.Stop()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.refused
}

// beat sends heartbeats to one metadata host, so that one that hangs does not hold up the others.
func (r *Registrar) beat(ctx context.Context, address string) {
	failing := false
	for ctx.Err() == nil {
		answer, err := r.send(ctx, address)
		if ctx.Err() != nil {
			return
		}
		if failing != (err != nil) {
			failing = err != nil
			if failing {
				r.host.Log.Warn("a metadata host does not answer heartbeats", "address", address, "error", err)
			} else {
				r.host.Log.Info("a metadata host answers heartbeats again", "address", address)
			}
		}
		if err == nil && !r.take(address, answer) {
			return
		}
		pause := HeartbeatInterval
		if err == nil && answer.Standing == StandingPending {
			pause = pendingInterval // being registered takes the metadata service a moment, and the host waits for it
		}
		if node.Wait(ctx, r.host.Clock, pause) != nil {
			return
		}
	}
}

func (r *Registrar) send(ctx context.Context, address string) (*HeartbeatAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	info := r.info()
	info.Accepted = r.Accepted()
	body, err := r.caller.Call(ctx, address, methodHeartbeat, rpc.Encode(&info))
	if err != nil {
		return nil, err
	}
	answer := new(HeartbeatAnswer)
	if err := rpc.Decode(body, answer); err != nil {
		return nil, fmt.Errorf("read the answer to a heartbeat: %w", err)
	}
	return answer, nil
}

// take hands on an answer. It returns false if the host is refused.
func (r *Registrar) take(address string, answer *HeartbeatAnswer) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch answer.Standing {
	case StandingRefused:
		r.refused = fmt.Errorf("%w: %s: %s", ErrRefused, address, answer.Message)
		return false
	case StandingAccepted:
		if !r.accepted {
			r.accepted = true
			r.host.Log.Info("the metadata service has accepted this host", "address", address)
		}
		if len(answer.Topology.Slots) > 0 && answer.Topology.Version > r.version {
			r.version = answer.Topology.Version
			r.onTopology(answer.Topology)
		}
	}
	return true
}

// Accepted tells whether a metadata host has said that this host is registered.
func (r *Registrar) Accepted() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.accepted
}
