package metadata

import (
	"context"
	"fmt"

	"chasqui/node/rpc"
)

// roleLeader is replication.Status.Role of a leader.
const roleLeader = "leader"

// Status asks every metadata host and puts the answers together. Hosts that do not answer within ctx, or within
// attemptTimeout, are in the result as not reachable. Error: ErrUnavailable if none answers.
func (c *Client) Status(ctx context.Context) (*Status, error) {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	answers := make([]*Status, len(c.addresses))
	failures := make([]error, len(c.addresses))
	tasks := c.host.Tasks.Group()
	for i, address := range c.addresses {
		if !tasks.Go("metadata status", func(context.Context) { answers[i], failures[i] = c.statusOf(ctx, address) }) {
			failures[i] = fmt.Errorf("%w: this process is stopping", ErrUnavailable)
		}
	}
	tasks.Stop() // waits for the answers: they are bound to ctx, not to the group
	return c.mergeStatus(answers, failures)
}

func (c *Client) statusOf(ctx context.Context, address string) (*Status, error) {
	body, err := c.caller.Call(ctx, address, methodStatus, nil)
	if err != nil {
		return nil, err
	}
	status := new(Status)
	if err := rpc.Decode(body, status); err != nil {
		return nil, fmt.Errorf("read the status: %w", err)
	}
	if len(status.Members) != 1 {
		return nil, fmt.Errorf("read the status: it describes %d metadata hosts, 1 expected", len(status.Members))
	}
	return status, nil
}

// mergeStatus takes the leader's view of the backend, or of the answers the one with the most applied, and every
// host's description of itself.
func (c *Client) mergeStatus(answers []*Status, failures []error) (*Status, error) {
	var best *Status
	members := make([]MemberStatus, len(answers))
	for i, answer := range answers {
		if failures[i] != nil {
			members[i] = MemberStatus{Address: c.addresses[i], Error: failures[i].Error()}
			continue
		}
		members[i] = answer.Members[0]
		members[i].Address = c.addresses[i]
		if best == nil || knowsMore(&answer.Members[0], &best.Members[0]) {
			best = answer
		}
	}
	if best == nil {
		return nil, fmt.Errorf("get status: %w: %w", ErrUnavailable, failures[0])
	}
	merged := *best
	merged.Members = members
	return &merged, nil
}

func knowsMore(a, b *MemberStatus) bool {
	if aLeads, bLeads := a.Group.Role == roleLeader, b.Group.Role == roleLeader; aLeads != bLeads {
		return aLeads
	}
	return a.Group.AppliedIndex > b.Group.AppliedIndex
}
