package catalog

import "fmt"

// registerHost makes a backend host known, or changes the address or zone of one that is known with the same data
// folder, or gives a known host a data folder that replaces a lost one. Registering what is registered changes nothing.
func (c *Catalog) registerHost(host Host) *Result {
	known, ok := c.Host(host.ID)
	switch {
	case ok && known.Incarnation != host.Incarnation && !known.ReplacedBy(&host):
		return &Result{Code: WrongIncarnation, Detail: known.Refusal(host.Incarnation)}
	case ok && *known == host:
		return &Result{}
	case !ok && c.hosts.Len() >= HostsMax:
		return &Result{Code: LimitReached, Detail: fmt.Sprintf("%d backend hosts are registered, the limit", HostsMax)}
	}
	c.hosts.ReplaceOrInsert(&host)
	c.clusterVersion = c.nextVersion()
	return &Result{}
}

// ReplacedBy tells whether other is h with a data folder that replaces h's.
func (h *Host) ReplacedBy(other *Host) bool {
	return h.ID == other.ID && h.Incarnation != other.Incarnation && other.RejoinMs > h.RejoinMs
}

// Refusal explains why a host that calls itself by h's id and has the given incarnation is not h.
func (h *Host) Refusal(incarnation uint64) string {
	return fmt.Sprintf("host %s is registered with data folder %016x and came back with %016x: "+
		"its data folder was emptied, replaced or belongs to another host, and it may have voted before; "+
		"restore its data folder, or, if that is lost, start the host on an empty one with --rejoin, "+
		"or give it a host id of its own", h.ID, h.Incarnation, incarnation)
}

// assignSlots fixes which hosts hold each slot. The same assignment may be given again.
func (c *Catalog) assignSlots(assignment Assignment) *Result {
	if c.assignment != nil {
		if !c.assignment.equal(assignment) {
			return &Result{Code: AlreadyAssigned, Detail: "the slots are assigned otherwise, and the assignment is fixed"}
		}
		return &Result{}
	}
	for slot, members := range assignment {
		for _, id := range members {
			if _, ok := c.Host(id); !ok {
				return &Result{Code: BadCommand, Detail: fmt.Sprintf("slot %d: host %q is not registered", slot, id)}
			}
		}
	}
	c.assignment = assignment
	c.slotLoad = make([]int, len(assignment))
	c.clusterVersion = c.nextVersion()
	return &Result{}
}
