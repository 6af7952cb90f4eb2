package replication

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/hashicorp/raft"
)

// housekeeping does what must be done now and then: it ends the slow start once a leader is known, paces heartbeats by
// who leads, asks for digests, and takes snapshots by bytes.
func (r *Replica) housekeeping(ctx context.Context) {
	timer := r.node.host.Clock.NewTimer(r.cfg.CheckInterval)
	defer timer.Stop()
	slow, wasLeader := !r.cfg.Preferred, false
	for {
		select {
		case <-timer.C():
		case <-ctx.Done():
			return
		}
		r.endRejoin()
		if _, known := r.Leader(); slow && known {
			slow = false
			r.setHeartbeat(r.IsLeader())
		}
		if leads := r.IsLeader(); leads != wasLeader {
			wasLeader = leads
			r.setHeartbeat(leads)
		}
		r.askForDigest(ctx)
		if r.snapshotDue() {
			if err := r.Snapshot(); err != nil && ctx.Err() == nil && !r.snapshots.abandoned() {
				r.node.host.Log.Error("snapshot not taken; the log keeps growing", "group", r.cfg.Name, "error", err)
			}
		}
		timer.Reset(r.cfg.CheckInterval)
	}
}

// leaderHeartbeatFactor stretches the heartbeat timeout of a leader, for whom it means only the pace of its heartbeats:
// a tenth to a fifth of it. The library's pace suits a network that loses packets; every heartbeat costs both hosts a
// round through raft's main loop, and there is one per follower and group. At twice the pace a follower still hears
// two to five heartbeats within its own timeout.
const leaderHeartbeatFactor = 2

// setHeartbeat sets the timeout after which this replica campaigns, or by which it paces its heartbeats.
func (r *Replica) setHeartbeat(leads bool) {
	timeout := r.cfg.HeartbeatTimeout
	if leads {
		timeout *= leaderHeartbeatFactor
	}
	running := r.current().raft
	conf := running.ReloadableConfig()
	conf.HeartbeatTimeout, conf.ElectionTimeout = timeout, timeout
	if err := running.ReloadConfig(conf); err != nil {
		r.node.host.Log.Error("set heartbeat timeout", "group", r.cfg.Name, "error", err)
	}
}

// snapshotDue tells whether the log behind the newest snapshot has outgrown its bounds, or holds old segments of the
// journal that all groups of this host share.
func (r *Replica) snapshotDue() bool {
	newest := r.snapshots.NewestIndex()
	applied := r.current().raft.AppliedIndex()
	if applied <= newest {
		return false
	}
	if applied-newest >= r.cfg.SnapshotEntries {
		return true
	}
	if r.group.BytesFrom(newest+1) >= max(r.cfg.SnapshotBytes, r.snapshots.NewestSize()) {
		return true
	}
	return slices.Contains(r.node.journal.Pinned(), r.cfg.GroupID)
}

// Snapshot writes the state to disk and lets the log behind it go, except for what a follower that was away for a
// moment needs to catch up. It runs beside normal work.
func (r *Replica) Snapshot() error {
	in := r.current()
	if in == nil {
		return nil // it has no state
	}
	running := in.raft
	conf := running.ReloadableConfig()
	conf.TrailingLogs = r.trailingEntries()
	if err := running.ReloadConfig(conf); err != nil {
		return fmt.Errorf("set trailing log of %s: %w", r.cfg.Name, err)
	}
	if err := running.Snapshot().Error(); err != nil && !errors.Is(err, raft.ErrNothingNewToSnapshot) {
		return fmt.Errorf("snapshot of %s: %w", r.cfg.Name, err)
	}
	return nil
}

// trailingEntries returns how many of the newest entries fit into TrailingBytes: raft counts entries, and an entry
// may hold one operation or a megabyte of them.
func (r *Replica) trailingEntries() uint64 {
	first, last := r.group.FirstIndex(), r.group.LastIndex()
	if last == 0 {
		return 0
	}
	lo, hi := first, last+1 // the answer is last+1-lo for the smallest lo whose bytes fit
	for lo < hi {
		mid := lo + (hi-lo)/2
		if r.group.BytesFrom(mid) <= r.cfg.TrailingBytes {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return last + 1 - lo
}
