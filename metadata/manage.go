package metadata

import (
	"context"
	"time"

	"chasqui/metadata/catalog"
	"chasqui/node/replication"
	"chasqui/node/rpc"
)

// heartbeat takes note of a backend host and tells it what the catalog thinks of it. Every metadata host does so, so
// that any of them can tell who leads a slot. A process that was not accepted before is accepted after a barrier only: here
// the catalog may be old, and its host's data folder replaced since.
func (s *Server) heartbeat(ctx context.Context, body []byte) ([]byte, error) {
	var info HeartbeatInfo
	if err := rpc.Decode(body, &info); err != nil {
		return nil, badRequest(err)
	}
	command := catalog.Command{Kind: catalog.KindRegisterHost, Host: info.Host}
	if err := command.Validate(); err != nil {
		return nil, badRequest(err)
	}
	first := s.liveness.hear(info, s.host.Clock.Now())
	known, standing := s.standing(&info.Host)
	if standing == StandingAccepted && !info.Accepted {
		if s.barrier(ctx) == nil {
			known, standing = s.standing(&info.Host)
		} else {
			standing = StandingPending // by us; the host asks the others as well, and again
		}
	}
	answer := HeartbeatAnswer{Standing: standing, Topology: *s.topology()}
	switch {
	case standing == StandingRefused:
		answer.Message = known.Refusal(info.Host.Incarnation)
		if first { // it comes back twice a second
			s.host.Log.Warn("refused a backend host", "host", info.Host.ID, "address", info.Host.Address, "reason", answer.Message)
		}
	case known == nil || *known != info.Host:
		s.wakeManager()
	}
	return rpc.Encode(&answer), nil
}

// standing compares a host with its registration, which is nil if there is none.
func (s *Server) standing(h *catalog.Host) (known *catalog.Host, standing Standing) {
	s.machine.read(func(c *catalog.Catalog) { known, _ = c.Host(h.ID) })
	switch {
	case known == nil:
		return nil, StandingPending
	case known.ReplacedBy(h):
		return known, StandingPending
	case known.Incarnation != h.Incarnation:
		return known, StandingRefused
	default:
		return known, StandingAccepted
	}
}

func (s *Server) wakeManager() {
	select {
	case s.wake <- struct{}{}:
	default: // it is about to look anyway
	}
}

// manage registers hosts and assigns slots while this host leads. Two leaders at once do no harm: the catalog decides.
func (s *Server) manage(ctx context.Context) {
	timer := s.host.Clock.NewTimer(s.cfg.ManageInterval)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		case <-timer.C():
		}
		if s.replica.IsLeader() {
			s.registerHosts(ctx)
			s.assignSlots(ctx)
		}
		timer.Reset(s.cfg.ManageInterval)
	}
}

// registerHosts registers every host heard lately that the catalog does not know as it describes itself.
func (s *Server) registerHosts(ctx context.Context) {
	now := s.host.Clock.Now()
	for _, h := range s.liveness.all() {
		known, standing := s.standing(&h.info.Host)
		if standing == StandingRefused || !s.liveness.alive(h, now) || (known != nil && *known == h.info.Host) {
			continue
		}
		message := "registered a backend host"
		if known != nil && known.ReplacedBy(&h.info.Host) {
			message = "replaced the data folder of a backend host"
		}
		s.decide(ctx, &catalog.Command{Kind: catalog.KindRegisterHost, Host: h.info.Host},
			message, "host", h.info.Host.ID, "address", h.info.Host.Address, "zone", h.info.Host.Zone)
	}
}

// assignSlots fixes the assignment once enough hosts have registered.
func (s *Server) assignSlots(ctx context.Context) {
	var ids []string
	var assigned bool
	s.machine.read(func(c *catalog.Catalog) {
		assigned = c.Assignment() != nil
		for _, h := range c.Hosts() {
			ids = append(ids, h.ID)
		}
	})
	if assigned || len(ids) < s.cfg.ExpectBackends {
		return
	}
	assignment := catalog.SpreadSlots(ids, s.cfg.Slots, s.cfg.Replicas)
	s.decide(ctx, &catalog.Command{Kind: catalog.KindAssignSlots, Assignment: assignment},
		"assigned the slots to backend hosts", "slots", s.cfg.Slots, "hosts", ids)
}

// decide proposes a command of the manager's own. If it does not get through, the next round sees what is still to do.
func (s *Server) decide(ctx context.Context, command *catalog.Command, message string, attributes ...any) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.ProposeTimeout)
	defer cancel()
	result, err := s.propose(ctx, command)
	switch {
	case err != nil:
		s.host.Log.Warn("the manager's proposal did not get through", append(attributes, "wanted", message, "error", err)...)
	case result.Code != catalog.OK:
		s.host.Log.Warn("the catalog refused the manager's proposal",
			append(attributes, "wanted", message, "code", result.Code.String(), "detail", result.Detail)...)
	default:
		s.host.Log.Info(message, attributes...)
	}
}

// view is the part of the catalog that topology and status are made from, taken at one moment.
type view struct {
	version    uint64
	hosts      []*catalog.Host
	assignment catalog.Assignment
	load       []int
	queues     int
}

func (s *Server) view() (v view) {
	s.machine.read(func(c *catalog.Catalog) {
		v = view{version: c.ClusterVersion(), hosts: c.Hosts(), assignment: c.Assignment(), load: c.SlotLoad(), queues: c.QueueCount()}
	})
	return v
}

// fresh returns the recent heartbeats of registered hosts by id.
func (s *Server) fresh(v *view, now time.Time) map[string]heard {
	fresh := make(map[string]heard, len(v.hosts))
	for _, h := range v.hosts {
		if last, ok := s.liveness.of(h); ok && s.liveness.alive(last, now) {
			fresh[h.ID] = last
		}
	}
	return fresh
}

// topology describes the cluster as this host sees it.
func (s *Server) topology() *Topology {
	v, now := s.view(), s.host.Clock.Now()
	fresh := s.fresh(&v, now)
	t := &Topology{Version: v.version}
	addresses := make(map[string]string, len(v.hosts))
	for _, h := range v.hosts {
		addresses[h.ID] = h.Address
		host := HostView{ID: h.ID, Address: h.Address, Zone: h.Zone, AgeMs: -1}
		if last, ok := s.liveness.of(h); ok {
			host.AgeMs, host.Alive = now.Sub(last.at).Milliseconds(), s.liveness.alive(last, now)
		}
		t.Hosts = append(t.Hosts, host)
	}
	for slot, ids := range v.assignment {
		assigned := SlotAssignment{Slot: uint16(slot)}
		for _, id := range ids {
			assigned.Members = append(assigned.Members, replication.Member{ID: id, Address: addresses[id]})
		}
		assigned.Leader, assigned.Term = slotLeader(slot, ids, fresh)
		t.Slots = append(t.Slots, assigned)
	}
	return t
}

// slotLeader believes the replica with the highest term that knows a leader. Followers count too: they know of an
// election before an old leader does that is cut off from them.
func slotLeader(slot int, ids []string, fresh map[string]heard) (leader string, term uint64) {
	for _, id := range ids {
		h, ok := fresh[id]
		if !ok {
			continue
		}
		if group, ok := h.group(slot); ok && group.Leader != "" && group.Term > term {
			leader, term = group.Leader, group.Term
		}
	}
	return leader, term
}
