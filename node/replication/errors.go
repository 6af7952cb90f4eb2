package replication

import (
	"errors"
	"fmt"

	"github.com/hashicorp/raft"
)

// Errors of Submit and Propose. The first four mean that the operation was certainly not proposed and never takes
// effect; ErrUnknownOutcome means that nobody knows yet.
var (
	// ErrNotLeader means this host does not lead the group; Replica.Leader may name the host that does.
	ErrNotLeader = errors.New("not the leader of this group")
	// ErrOverloaded means the group has as much waiting work as its limits allow.
	ErrOverloaded = errors.New("group has too much waiting work")
	// ErrExpired means the operation's deadline passed before it was proposed.
	ErrExpired = errors.New("deadline passed before the operation was proposed")
	// ErrClosed means the replica is stopped.
	ErrClosed = errors.New("replica is closed")
	// ErrUnknownOutcome means the operation was proposed and no answer came; it may or may not take effect later.
	ErrUnknownOutcome = errors.New("outcome unknown: the operation may or may not take effect")
)

// proposeError says what an error of raft.Apply means (its docs/apply.md). Only three of them are certain; every
// other one, a failed StoreLogs and a lost leadership included, may leave an entry that a later leader commits.
func proposeError(err error) error {
	switch {
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrLeadershipTransferInProgress):
		return fmt.Errorf("%w: %w", ErrNotLeader, err)
	case errors.Is(err, raft.ErrEnqueueTimeout):
		return fmt.Errorf("%w: %w", ErrOverloaded, err)
	default:
		return fmt.Errorf("%w: %w", ErrUnknownOutcome, err)
	}
}
