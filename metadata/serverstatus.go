package metadata

import (
	"cmp"
	"slices"
)

// status describes the cluster as this host sees it, and of the metadata hosts itself only: Client.Status asks all.
func (s *Server) status() *Status {
	v, now := s.view(), s.host.Clock.Now()
	status := &Status{
		AnsweredBy:     s.cfg.HostID,
		ExpectBackends: s.cfg.ExpectBackends,
		Queues:         v.queues,
		Members:        []MemberStatus{s.memberStatus()},
		Backends:       s.backendStatus(&v),
	}
	fresh := s.fresh(&v, now)
	for slot, ids := range v.assignment {
		status.Slots = append(status.Slots, slotStatus(slot, ids, v.load[slot], fresh))
	}
	return status
}

func (s *Server) memberStatus() MemberStatus {
	member := MemberStatus{ID: s.cfg.HostID, Reachable: true, Group: s.replica.Status()}
	for _, m := range s.cfg.Members {
		if m.ID == s.cfg.HostID {
			member.Address = m.Address
		}
	}
	return member
}

// backendStatus lists the registered hosts, and those lately heard that are not.
func (s *Server) backendStatus(v *view) []BackendStatus {
	now := s.host.Clock.Now()
	var backends []BackendStatus
	for _, h := range v.hosts {
		backend := BackendStatus{Host: *h, AgeMs: -1, Standing: StandingAccepted}
		if last, ok := s.liveness.of(h); ok {
			backend.PID, backend.StartedMs = last.info.PID, last.info.StartedMs
			backend.AgeMs, backend.Alive = now.Sub(last.at).Milliseconds(), s.liveness.alive(last, now)
		}
		backends = append(backends, backend)
	}
	for _, last := range s.liveness.all() {
		known, standing := s.standing(&last.info.Host)
		if standing == StandingAccepted || !s.liveness.alive(last, now) {
			continue
		}
		backend := BackendStatus{
			Host: last.info.Host, PID: last.info.PID, StartedMs: last.info.StartedMs,
			AgeMs: now.Sub(last.at).Milliseconds(), Alive: true, Standing: standing,
		}
		if known != nil {
			backend.Message = known.Refusal(last.info.Host.Incarnation)
		}
		backends = append(backends, backend)
	}
	slices.SortStableFunc(backends, func(a, b BackendStatus) int { return cmp.Compare(a.Host.ID, b.Host.ID) })
	return backends
}

func slotStatus(slot int, ids []string, partitions int, fresh map[string]heard) SlotStatus {
	status := SlotStatus{Slot: uint16(slot), Partitions: partitions}
	status.Leader, status.Term = slotLeader(slot, ids, fresh)
	for _, id := range ids {
		replica := ReplicaStatus{HostID: id}
		if h, ok := fresh[id]; ok {
			if group, ok := h.group(slot); ok {
				replica.Heard, replica.Group = true, *group
			}
		}
		replica.Lag = slotLag(slot, id, status.Leader, fresh)
		status.Replicas = append(status.Replicas, replica)
	}
	return status
}

// slotLag returns how many entries the leader says a follower lacks; 0 if the leader is not heard.
func slotLag(slot int, id, leader string, fresh map[string]heard) uint64 {
	h, ok := fresh[leader]
	if !ok {
		return 0
	}
	group, ok := h.group(slot)
	if !ok {
		return 0
	}
	for _, f := range group.Followers {
		if f.ID == id {
			return f.Lag
		}
	}
	return 0
}
