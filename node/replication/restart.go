package replication

// A follower that was the leader of a lost minority can have more log than the snapshot that the new leader sends
// it. The snapshot replaces that log, but raft keeps the old last entry in memory: it would go on rejecting appends
// and be sent the same snapshot for ever (hashicorp/raft #697). Starting raft anew from the snapshot ends that.

// installBegins tells whether the log reaches as far as the snapshot that is about to be installed.
func (r *Replica) installBegins(snapshotIndex uint64) (mustRestart bool) {
	return r.logs.last() >= snapshotIndex
}

// restart replaces the running raft by one that reads its state from disk.
func (r *Replica) restart(reason string) {
	r.restartMu.Lock()
	defer r.restartMu.Unlock()
	if r.tasks.Context().Err() != nil {
		return
	}
	r.node.host.Log.Warn("restarting replica", "group", r.cfg.Name, "reason", reason)
	old := r.current()
	if err := old.raft.Shutdown().Error(); err != nil {
		r.node.host.Log.Error("stop raft for a restart", "group", r.cfg.Name, "error", err)
	}
	running, err := r.newInstance(false)
	if err != nil {
		// A replica that cannot start from its own disk is of no use to its group, and must not look alive.
		r.node.host.Fail(err)
		return
	}
	r.mu.Lock()
	r.running = running
	r.mu.Unlock()
}
