package bugs

import "slices"

// raftModule is hashicorp/raft, which the product builds on.
const raftModule = "github.com/hashicorp/raft"

// Yields is an aid that every program for the simulator is built with. It is off unless the environment of the program has
// YieldsVariable.
const (
	Yields         = "raft-yields"
	YieldsVariable = "RAFT_YIELDS"
)

// consensus returns the bugs of raft and of the shell around it.
func consensus() []Bug {
	return []Bug{
		{
			Name: "heartbeat-fast-path",
			Says: "Heartbeats are handled beside raft's main loop, as the library's own transport does (hashicorp/raft #695). A " +
				"deposed leader that is about to write an entry stamps it with its successor's term, so that two different " +
				"entries have one index and term, and no replica ever notices: messages vanish or come twice.",
			Edits: []Edit{{
				File: "node/replication/transport.go",
				Old:  "func (t *transport) SetHeartbeatHandler(func(raft.RPC)) {}\n",
				New:  "func (t *transport) SetHeartbeatHandler(handle func(raft.RPC)) { t.heartbeat = handle }\n",
			}, {
				File: "node/replication/transport.go",
				Old:  "	mayCampaign func() bool\n",
				New:  "	mayCampaign func() bool\n	heartbeat   func(raft.RPC)\n",
			}, {
				File: "node/replication/transport.go",
				Old: `	select {
	case t.consumer <- message:
	case <-t.done:
		return nil, errDelivery
	case <-ctx.Done():
		return nil, errDelivery
	}
`,
				New: `	if a, ok := message.Command.(*raft.AppendEntriesRequest); ok && a.PrevLogEntry == 0 && len(a.Entries) == 0 && a.LeaderCommitIndex == 0 {
		t.heartbeat(message)
	} else {
		select {
		case t.consumer <- message:
		case <-t.done:
			return nil, errDelivery
		case <-ctx.Done():
			return nil, errDelivery
		}
	}
`,
			}},
			Scenario: "flapping-leader",
			Needs:    separations,
			Rule:     "equal-state",
			Also:     []string{"one-leader-per-term", "lost", "drains", "duplicate-send", "hold-overlap", "deleted-returns", "unexpected-exit"},
		},
		{
			Name: "follower-acknowledges-before-its-disk",
			Says: "A follower acknowledges entries when raft has them, not when its disk has. If it loses power then, only the leader " +
				"has what counts as stored on two of three.",
			Edits: []Edit{{
				File: "node/replication/node.go",
				Old:  "	if acknowledges(req, resp) {\n",
				New:  "	if acknowledges(req, resp) && !resp.Success {\n",
			}},
			Scenario: "hung-and-away",
			Needs:    []string{"hung-disk"},
			Rule:     "lost",
			Also:     []string{"drains", "equal-state", "deleted-returns", "deleted-returns-fifo", "sequence", "sequence-order"},
		},
		{
			Name: "leader-counts-what-it-has-not-stored",
			Says: "A leader hears that a follower has stored an entry before its own disk has it. If it loses power then, only the " +
				"follower has what counts as stored on two of three.",
			Edits: []Edit{{
				File: "node/replication/transport.go",
				Old:  "	if acknowledges(req, resp) {\n",
				New:  "	if acknowledges(req, resp) && !resp.Success {\n",
			}},
			Scenario: "hung-and-away",
			Needs:    []string{"hung-disk"},
			Rule:     "lost",
			Also:     []string{"drains", "equal-state", "deleted-returns", "deleted-returns-fifo", "sequence", "sequence-order"},
		},
		{
			Name: Yields,
			Says: "No bug: raft's main loop gives way to other goroutines, mostly for a moment and seldom for up to a second and a " +
				"half, where it has just looked at its role and is about to look at its term. Any scheduler may do so at any time. It does so if the environment has " + YieldsVariable + ".",
			Edits: []Edit{{
				Module: raftModule, File: "raft.go",
				Old: "	\"io\"\n	\"strings\"\n",
				New: "	\"io\"\n	\"math/rand/v2\"\n	\"os\"\n	\"runtime\"\n	\"strings\"\n",
			}, {
				Module: raftModule, File: "raft.go",
				Old: `// runLeader runs the main loop while in leader state.`,
				New: `var givesWay = os.Getenv("RAFT_YIELDS") != ""

// giveWay lets other goroutines run: for a turn or three, in one of 16 cases for some milliseconds, and in one of
// 128 for up to a second and a half.
func giveWay() {
	if !givesWay {
		return
	}
	switch n := rand.IntN(128); {
	case n == 0:
		time.Sleep(rand.N(1500 * time.Millisecond))
	case n <= 8:
		time.Sleep(rand.N(20 * time.Millisecond))
	default:
		for range n % 4 {
			runtime.Gosched()
		}
	}
}

// runLeader runs the main loop while in leader state.`,
			}, {
				Module: raftModule, File: "raft.go",
				Old: "	r.logger.Info(\"entering leader state\", \"leader\", r)\n",
				New: "	giveWay()\n	r.logger.Info(\"entering leader state\", \"leader\", r)\n",
			}, {
				Module: raftModule, File: "raft.go",
				Old: "	// Start a replication routine for each peer\n	r.startStopReplication()\n",
				New: "	// Start a replication routine for each peer\n	giveWay()\n	r.startStopReplication()\n",
			}, {
				Module: raftModule, File: "raft.go",
				Old: "	defer metrics.MeasureSince([]string{\"raft\", \"leader\", \"dispatchLog\"}, now)\n",
				New: "	defer metrics.MeasureSince([]string{\"raft\", \"leader\", \"dispatchLog\"}, now)\n	giveWay()\n",
			}},
			Aid: true,
		},
		{
			Name: "vote-not-persisted",
			Says: "A vote is kept in memory only. A host that is restarted votes a second time in the same term, and two leaders " +
				"acknowledge messages that only one of them keeps.",
			Edits: []Edit{{
				File: "node/replication/stores.go",
				Old:  "	stagedVoteTerm uint64\n}\n",
				New:  "	stagedVoteTerm uint64\n	vote           wal.HardState\n}\n",
			}, {
				File: "node/replication/stores.go",
				Old:  "	state := s.group.HardState()\n	state.VoteTerm, state.VotedFor = s.stagedVoteTerm, value\n	return s.group.SetHardState(state)\n",
				New:  "	s.vote.VoteTerm, s.vote.VotedFor = s.stagedVoteTerm, value\n	return nil\n",
			}, {
				File: "node/replication/stores.go",
				Old:  "		value = state.VoteTerm\n",
				New:  "		value = s.vote.VoteTerm\n",
			}, {
				File: "node/replication/stores.go",
				Old:  "	state := s.group.HardState()\n	if len(state.VotedFor) == 0 {\n",
				New:  "	state := s.vote\n	if len(state.VotedFor) == 0 {\n",
			}},
			Needs:    restarts,
			Scenario: "restarted-voter",
			Rule:     "one-leader-per-term",
			Also:     []string{"equal-state", "lost", "drains", "unexpected-exit"},
		},
		{
			Name: "vote-given-twice",
			Says: "A vote is forgotten as soon as it is given: the candidate's name is not stored. Two candidates of one term both " +
				"win, and messages that one of them acknowledges are lost to the other.",
			Edits: []Edit{{
				File: "node/replication/stores.go",
				Old:  "	state.VoteTerm, state.VotedFor = s.stagedVoteTerm, value\n",
				New:  "	state.VoteTerm, state.VotedFor = s.stagedVoteTerm, nil\n",
			}, {
				File: "node/replication/stores.go",
				Old:  "		value = state.VoteTerm\n",
				New:  "		value = 0\n",
			}},
			Needs:    slices.Concat(separations, restarts),
			Scenario: "two-candidates",
			Rule:     "one-leader-per-term",
			Also:     []string{"equal-state", "lost", "drains", "unexpected-exit"},
		},
		{
			Name: "commit-without-a-majority",
			Says: "An entry counts as committed when one host of the group has it: the leader itself. What it acknowledges while it " +
				"is alone is lost when another takes over.",
			Edits: []Edit{{
				Module: raftModule, File: "commitment.go",
				Old: "	quorumMatchIndex := matched[(len(matched)-1)/2]\n",
				New: "	quorumMatchIndex := matched[len(matched)-1]\n",
			}},
			Needs: slices.Concat(separations, restarts),
			Rule:  "equal-state",
			Also:  []string{"lost", "drains", "hold-overlap", "fifo-hold-overlap", "deleted-returns", "deleted-returns-fifo", "unexpected-exit"},
		},
		{
			// To count replicas alone (raft paper, figure 8) breaks nothing here: raft's leader applies entries of earlier terms
			// only together with the first of its own, and its followers learn of a commit from a message that carries that.
			Name: "commit-of-an-earlier-term",
			Says: "A new leader takes it that its followers have the entries of earlier terms that it finds in its own log, and commits them before it " +
				"has sent them (raft paper, section 5.4.2). If it loses the others once more, they go on without what it has applied.",
			Edits: []Edit{{
				Module: raftModule, File: "commitment.go",
				Old: "			matchIndexes[server.ID] = 0\n",
				New: "			matchIndexes[server.ID] = startIndex - 1\n",
			}, {
				Module: raftModule, File: "commitment.go",
				Old: "	if quorumMatchIndex > c.commitIndex && quorumMatchIndex >= c.startIndex {\n",
				New: "	if quorumMatchIndex > c.commitIndex {\n",
			}, {
				Module: raftModule, File: "raft.go",
				Old: "			if len(groupReady) != 0 {\n				r.processLogs(lastIdxInGroup, groupFutures)\n",
				New: "			if commitIndex > r.getLastApplied() {\n				r.processLogs(max(lastIdxInGroup, commitIndex), groupFutures)\n",
			}},
			Needs:    slices.Concat(separations, restarts),
			Scenario: "relapsing-leader",
			Rule:     "equal-state",
			Also:     []string{"applied-alike", "lost", "drains", "unexpected-exit"},
		},
		{
			Name: "wiped-host-forms-the-group-anew",
			Says: "A host that lost its disk takes part as if it had promised nothing, instead of asking the others first. Together with " +
				"one that was away it elects a leader that lacks what was acknowledged.",
			Edits: []Edit{{
				File: "node/replication/rejoin.go",
				Old:  "	if !r.cfg.Rejoin {\n		return nil\n	}\n",
				New:  "	if !r.cfg.Rejoin || !marked {\n		return nil\n	}\n",
			}},
			Needs:    []string{"wipe"},
			Scenario: "wiped-and-away",
			Rule:     "lost",
			Also:     []string{"drains", "equal-state", "one-leader-per-term", "unexpected-exit"},
		},
		{
			Name: "receive-outside-the-log",
			Says: "The leader answers receives from its own state without writing them to the log. The next leader knows nothing of " +
				"them and hands the same messages out again at once.",
			Edits: []Edit{{
				File: "backend/leader/slot.go",
				Old:  "	s.replica.Submit(replication.Operation{\n		Data: operation, Deadline: deadline,\n",
				New: `	if c, err := queue.DecodeCommand(operation); err == nil && c.Kind == queue.KindReceive && s.replica.IsLeader() {
		s.mu.Lock()
		result := s.machine.ApplyCommand(s.host.Clock.Now().UnixMilli(), &c)
		s.mu.Unlock()
		done(result, nil)
		return
	}
	s.replica.Submit(replication.Operation{
		Data: operation, Deadline: deadline,
`,
			}},
			Rule: "equal-state",
			Also: []string{"hold-overlap", "fifo-hold-overlap", "receive-count", "impossible-answer", "unexpected-exit"},
		},
		{
			Name: "vote-for-a-shorter-log",
			Says: "A host votes for a candidate whose log is shorter than its own (raft paper, section 5.4.1). The new leader lacks entries " +
				"that were acknowledged, and has them overwritten.",
			Edits: []Edit{{
				Module: raftModule, File: "raft.go",
				Old: "		r.logger.Warn(\"rejecting vote request since our last index is greater\",\n			\"candidate\", candidate,\n			\"last-index\", lastIdx,\n			\"last-candidate-index\", req.LastLogIndex)\n		return\n",
				New: "",
			}, {
				Module: raftModule, File: "raft.go",
				Old: "		r.logger.Warn(\"rejecting pre-vote request since our last index is greater\",\n			\"candidate\", candidate,\n			\"last-index\", lastIdx,\n			\"last-candidate-index\", req.LastLogIndex)\n		return\n",
				New: "",
			}},
			Needs: slices.Concat(separations, restarts),
			Rule:  "equal-state",
			Also:  []string{"lost", "drains", "deleted-returns", "deleted-returns-fifo", "unexpected-exit", "fifo-order", "sequence"},
		},
		{
			Name: "log-matching-not-checked",
			Says: "A follower takes entries although the one before them is of another term (raft paper, figure 3: log matching). A host that " +
				"led alone keeps what nobody else has.",
			Edits: []Edit{{
				Module: raftModule, File: "raft.go",
				Old: "		if a.PrevLogTerm != prevLogTerm {\n",
				New: "		if a.PrevLogTerm < prevLogTerm {\n",
			}, {
				Module: raftModule, File: "raft.go",
				Old: "			if entry.Term != storeEntry.Term {\n",
				New: "			if entry.Term < storeEntry.Term {\n",
			}},
			Needs: slices.Concat(separations, restarts),
			Rule:  "equal-state",
			Also:  []string{"lost", "drains", "unexpected-exit"},
		},
		{
			Name: "term-not-persisted",
			Says: "The current term is kept in memory only. A host that is restarted takes part in a term of the past, and leads in one that " +
				"another has led.",
			Edits: []Edit{{
				File: "node/replication/stores.go",
				Old:  "	stagedVoteTerm uint64\n}\n",
				New:  "	stagedVoteTerm uint64\n	term           uint64\n}\n",
			}, {
				File: "node/replication/stores.go",
				Old:  "		state := s.group.HardState()\n		state.Term = value\n		err := s.group.SetHardState(state)\n",
				New:  "		s.term = value\n		var err error\n",
			}, {
				File: "node/replication/stores.go",
				Old:  "		value = state.Term\n",
				New:  "		value = max(s.term, state.Term)\n",
			}},
			Needs:    restarts,
			Scenario: "blackouts",
			Rule:     "one-leader-per-term",
			Also:     []string{"equal-state", "lost", "drains", "unexpected-exit"},
		},
		{
			Name: "snapshot-index-off-by-one",
			Says: "A snapshot claims to hold one entry more than it does. A host that starts from it leaves that entry out.",
			Edits: []Edit{{
				File: "node/replication/snapshot.go",
				Old:  "	meta.u64(index)\n",
				New:  "	meta.u64(index + 1)\n",
			}},
			Needs: append(slices.Clone(restarts), "wipe"),
			Rule:  "equal-state",
			Also:  []string{"lost", "drains", "unexpected-exit", "journal-verifies"},
		},
		{
			Name: "entries-applied-twice-after-a-snapshot",
			Says: "A snapshot takes the state as it is when it is written, not as it was at its index. A host that starts from it applies the " +
				"entries between the two a second time, to whatever does not recognise them.",
			Edits: []Edit{{
				File: "node/replication/snapshot.go",
				Old:  "	meta.u64(index)\n",
				New:  "	meta.u64(max(index, 11) - 10)\n",
			}, {
				File: "backend/queue/session.go",
				Old:  "	if c.Seq < s.lowWater {\n",
				New:  "	if c.Seq+1000 < s.lowWater {\n",
			}},
			Needs: append(slices.Clone(restarts), "wipe"),
			Rule:  "equal-state",
			Also:  []string{"lost", "drains", "unexpected-exit", "duplicate-send", "fifo-order"},
		},
	}
}
