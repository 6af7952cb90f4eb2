package leader

import (
	"context"
	"time"

	"chasqui/backend/queue"
	"chasqui/node"
)

// Carrier brings messages that are set aside to the queue that they move to.
type Carrier interface {
	// Carry transfers the first of the given messages, which are moves of one partition in the order of their numbers, and
	// perhaps some that follow. It returns the number of the last move that it settled: transferred, durably, or returned,
	// if the target queue does not exist. With an error, none may have been transferred, or some; all may be tried again.
	Carry(ctx context.Context, messages []queue.Outgoing) (through uint64, returned bool, err error)
}

// Pace of the moves.
const (
	// idleInterval is how often a slot looks for moves that nobody has told it of: those that a former leader left behind.
	idleInterval = 5 * time.Second
	// stepInterval is how often a move task goes on, and failedInterval when a failed transfer is tried again.
	stepInterval   = 200 * time.Millisecond
	failedInterval = time.Second
	// carryTimeout bounds one transfer. It leaves time to find a new leader of the target's slot.
	carryTimeout = 10 * time.Second
)

// redriver makes the moves of a slot's messages to other queues while this host leads the slot; backend/queue/redrive.go
// says why nothing is lost or doubled whatever ends it.
type redriver struct {
	slot    *Slot
	carrier Carrier
	// stepped is when move tasks last went on.
	stepped time.Time
}

func (r *redriver) run(ctx context.Context) {
	pause := idleInterval
	for {
		timer := r.slot.host.Clock.NewTimer(pause)
		select {
		case <-r.slot.moving:
		case <-timer.C():
		case <-ctx.Done():
			timer.Stop()
			return
		}
		timer.Stop()
		pause = r.moveOn(ctx)
	}
}

// moveOn makes the moves that there are and returns when to look again.
func (r *redriver) moveOn(ctx context.Context) time.Duration {
	s := r.slot
	for s.replica.IsLeader() && ctx.Err() == nil {
		s.mu.Lock()
		tasks, outgoing := s.machine.Tasks(), s.machine.Outgoing()
		s.mu.Unlock()
		failed := false
		for rest := outgoing; len(rest) > 0; {
			n := 1
			for n < len(rest) && rest[n].Partition == rest[0].Partition {
				n++
			}
			if err := r.carry(ctx, rest[:n]); err != nil {
				failed = true
				if ctx.Err() == nil {
					s.host.Log.Warn("messages not moved to another queue; tried again later", "slot", s.number,
						"partition", rest[0].Partition.String(), "target", rest[0].Target.Name, "error", err)
				}
			}
			rest = rest[n:]
		}
		due := len(tasks) > 0 && node.Since(s.host.Clock, r.stepped) >= stepInterval
		if due {
			r.stepped = s.host.Clock.Now()
			failed = !r.step(ctx, tasks) || failed
		}
		switch {
		case failed:
			return failedInterval
		case len(outgoing) > 0 || due: // there may be more
		case len(tasks) > 0:
			return stepInterval
		default:
			return idleInterval
		}
	}
	return idleInterval
}

// step lets the move tasks of some partitions go on. It returns false if one could not.
func (r *redriver) step(ctx context.Context, tasks []queue.PartitionID) bool {
	for _, id := range tasks {
		step := queue.Command{Partition: id, Kind: queue.KindMoveTask, MoveTask: &queue.MoveTask{Operation: queue.TaskStep}}
		if _, err := r.slot.replica.Propose(ctx, step.Encode()); err != nil {
			if ctx.Err() == nil {
				r.slot.host.Log.Warn("move task did not go on; tried again later", "slot", r.slot.number, "partition", id.String(), "error", err)
			}
			return false
		}
	}
	return true
}

// carry transfers some messages of one partition and settles their moves.
func (r *redriver) carry(ctx context.Context, messages []queue.Outgoing) error {
	ctx, cancel := context.WithTimeout(ctx, carryTimeout)
	defer cancel()
	through, returned, err := r.carrier.Carry(ctx, messages)
	if err != nil {
		return err
	}
	settle := queue.Command{Partition: messages[0].Partition, Kind: queue.KindSettle, Settle: &queue.Settle{Through: through, Returned: returned}}
	_, err = r.slot.replica.Propose(ctx, settle.Encode())
	return err
}

// mayMove tells whether a command may have made something to move that nobody knows of.
func mayMove(c *queue.Command) bool {
	return c.Kind == queue.KindReceive || c.Kind == queue.KindMoveTask && c.MoveTask != nil && c.MoveTask.Operation == queue.TaskStart
}

// tellMoving wakes the redriver.
func (s *Slot) tellMoving() {
	select {
	case s.moving <- struct{}{}:
	default: // it is about to look anyway
	}
}
