package replication

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	"chasqui/node"
	"chasqui/node/wal"
)

// Replica is this host's member of one group. Its methods may be called concurrently.
type Replica struct {
	node      *Node
	cfg       Config
	fsm       *fsm
	group     *wal.Group
	logs      *logStore
	stable    *stableStore
	snapshots *snapshotStore
	tasks     *node.Tasks
	batcher   *batcher

	mu      sync.RWMutex // guards running
	running *instance

	restartMu sync.Mutex // held while an instance is replaced
	closeOnce sync.Once

	// See rejoin.go. memory is remembersAll but while the replica rejoins; mark is written before memory is catchesUp.
	memory atomic.Int32
	mark   rejoinMark
	asking *node.Tasks // asks the other members; stopped before everything else

	digests    *digests
	leadership leadership
}

// instance is a running raft and the transport it reads from. It is replaced as one when raft must be restarted.
type instance struct {
	raft      *raft.Raft
	transport *transport
}

func startReplica(n *Node, cfg Config, machine StateMachine, snapshots *snapshotStore) (*Replica, error) {
	group := n.journal.Group(cfg.GroupID)
	r := &Replica{
		node: n, cfg: cfg, fsm: &fsm{name: cfg.Name, machine: machine, audit: cfg.Audit}, group: group,
		logs:   &logStore{group: group, oldestSnapshot: snapshots.OldestIndex, gated: len(cfg.Members) > 1},
		stable: &stableStore{group: group, fail: n.host.Fail}, snapshots: snapshots, tasks: n.host.Tasks.Group(), asking: n.host.Tasks.Group(),
	}
	snapshots.flushLog = r.logs.flush
	r.batcher = newBatcher(r)
	r.digests = newDigests(r)
	r.fsm.takeDigest = r.digests.take
	r.leadership = leadership{host: n.host, name: cfg.Name}
	if err := r.start(); err != nil {
		r.asking.Stop()
		r.tasks.Stop()
		return nil, err
	}
	return r, nil
}

func (r *Replica) start() error {
	if err := r.prepareRejoin(); err != nil {
		return err
	}
	switch r.memory.Load() {
	case remembersNothing:
		r.asking.Go(r.cfg.Name+" rejoin", r.rejoin)
		return nil
	case remembersAll:
		if err := r.bootstrap(); err != nil {
			return err
		}
	}
	return r.run()
}

// run starts raft and the tasks that go with it.
func (r *Replica) run() error {
	running, err := r.newInstance(!r.cfg.Preferred && len(r.cfg.Members) > 1)
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.running = running
	r.mu.Unlock()
	r.tasks.Go(r.cfg.Name+" batcher", r.batcher.run)
	r.tasks.Go(r.cfg.Name+" housekeeping", r.housekeeping)
	return nil
}

// bootstrap writes the group's first configuration if this host has nothing of the group. Every member does so with
// the same members, which is as if one had and told the others.
func (r *Replica) bootstrap() error {
	known, err := raft.HasExistingState(r.logs, r.stable, r.snapshots)
	if err != nil {
		return fmt.Errorf("look for state of %s: %w", r.cfg.Name, err)
	}
	if known {
		return nil
	}
	var configuration raft.Configuration
	for _, m := range r.cfg.Members {
		configuration.Servers = append(configuration.Servers, raft.Server{
			Suffrage: raft.Voter, ID: raft.ServerID(m.ID), Address: raft.ServerAddress(m.ID),
		})
	}
	t := newTransport(r.node, &r.cfg, r.logs)
	if err := raft.BootstrapCluster(r.raftConfig(), r.logs, r.stable, r.snapshots, t, configuration); err != nil {
		return fmt.Errorf("form %s: %w", r.cfg.Name, err)
	}
	return r.logs.flush()
}

// slowStartFactor stretches the first election timeout of hosts that are not preferred as leader.
const slowStartFactor = 3

func (r *Replica) newInstance(slowStart bool) (*instance, error) {
	t := newTransport(r.node, &r.cfg, r.logs)
	t.mayCampaign = func() bool { return r.memory.Load() == remembersAll }
	conf := r.raftConfig()
	if slowStart {
		conf.HeartbeatTimeout *= slowStartFactor
		conf.ElectionTimeout *= slowStartFactor
	}
	instance := &instance{transport: t}
	var err error
	if instance.raft, err = raft.NewRaft(conf, r.fsm, r.logs, r.stable, r.snapshots, t); err != nil {
		return nil, fmt.Errorf("start %s: %w", r.cfg.Name, err)
	}
	r.leadership.watch(instance.raft)
	return instance, nil
}

// never switches raft's own snapshot timer off: housekeeping decides by bytes, which raft does not count.
const never = 1000 * time.Hour

func (r *Replica) raftConfig() *raft.Config {
	conf := raft.DefaultConfig()
	conf.LocalID = raft.ServerID(r.cfg.HostID)
	conf.HeartbeatTimeout = r.cfg.HeartbeatTimeout
	conf.ElectionTimeout = r.cfg.HeartbeatTimeout
	conf.LeaderLeaseTimeout = r.cfg.HeartbeatTimeout
	conf.CommitTimeout = r.cfg.CommitTimeout
	conf.MaxAppendEntries = appendEntriesMax
	conf.SnapshotInterval = never
	conf.SnapshotThreshold = 1 << 62
	conf.ShutdownOnRemove = false
	conf.NoLegacyTelemetry = true
	conf.Logger = newLogger(r.node.host, r.cfg.Name)
	// NotifyCh stays nil: raft's main loop blocks on it.
	return conf
}

// current is nil while the replica asks the other members what it has forgotten.
func (r *Replica) current() *instance {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.running
}

// Submit hands an operation to the group. It does not wait: op.Done gets the outcome.
func (r *Replica) Submit(op Operation) {
	if r.memory.Load() == remembersNothing {
		op.Done(nil, ErrNotLeader)
		return
	}
	r.batcher.submit(op)
}

// Propose submits data and waits for its result. When ctx ends first, the outcome is unknown.
func (r *Replica) Propose(ctx context.Context, data []byte) (any, error) {
	return r.wait(ctx, Operation{Data: data})
}

// ReadBarrier returns nil once everything that was acknowledged before the call is applied on this host and it was
// still the leader meanwhile: a read of the state machine that follows is linearizable. It costs a log entry, shared
// with whatever else is in the batch. raft's VerifyLeader is no substitute: it may count a heartbeat that was
// answered before the call.
func (r *Replica) ReadBarrier(ctx context.Context) error {
	_, err := r.wait(ctx, Operation{barrier: true})
	return err
}

func (r *Replica) wait(ctx context.Context, op Operation) (any, error) {
	type outcome struct {
		result any
		err    error
	}
	answer := make(chan outcome, 1)
	op.Deadline, _ = ctx.Deadline()
	op.Done = func(result any, err error) { answer <- outcome{result, err} }
	r.Submit(op)
	select {
	case o := <-answer:
		return o.result, o.err
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", ErrUnknownOutcome, ctx.Err())
	}
}

// IsLeader tells whether this host believes that it leads the group. Another host may have been elected meanwhile.
func (r *Replica) IsLeader() bool {
	in := r.current()
	return in != nil && in.raft.State() == raft.Leader
}

// Leader names the host that this host believes leads the group.
func (r *Replica) Leader() (hostID string, ok bool) {
	in := r.current()
	if in == nil {
		return "", false
	}
	_, id := in.raft.LeaderWithID()
	return string(id), id != ""
}

// RoleRejoining is the Status.Role of a replica that has lost its disk and does not vote before it has caught up.
const RoleRejoining = "rejoining"

// Status is a replica's state as shown to operators.
type Status struct {
	Group         uint32
	Name          string
	HostID        string
	Role          string // leader, follower or candidate
	Leader        string // host id, "" if unknown
	Term          uint64
	LastIndex     uint64
	CommitIndex   uint64
	AppliedIndex  uint64
	SnapshotIndex uint64
	Followers     []FollowerStatus // on the leader, in order of id
	Digest        StateDigest      // the newest of this replica's state
}

// FollowerStatus is what the leader knows of a follower.
type FollowerStatus struct {
	ID    string
	Match uint64 // last index known to be on its disk
	Lag   uint64 // entries it lacks
	AgeMs int64  // since it last answered; -1 if it never has
}

// Status returns the replica's state.
func (r *Replica) Status() Status {
	in := r.current()
	if in == nil {
		return Status{Group: r.cfg.GroupID, Name: r.cfg.Name, HostID: r.cfg.HostID, Role: RoleRejoining}
	}
	_, leader := in.raft.LeaderWithID()
	s := Status{
		Group: r.cfg.GroupID, Name: r.cfg.Name, HostID: r.cfg.HostID, Leader: string(leader),
		Term: in.raft.CurrentTerm(), LastIndex: in.raft.LastIndex(), CommitIndex: in.raft.CommitIndex(),
		AppliedIndex: in.raft.AppliedIndex(), SnapshotIndex: r.snapshots.NewestIndex(), Digest: r.digests.last(),
	}
	switch state := in.raft.State(); {
	case r.memory.Load() != remembersAll:
		s.Role = RoleRejoining
	case state == raft.Leader:
		s.Role = "leader"
	case state == raft.Candidate:
		s.Role = "candidate"
	default:
		s.Role = "follower"
	}
	if s.Role == "leader" {
		now, progress := r.node.host.Clock.Now(), in.transport.progress()
		for _, m := range r.cfg.Members {
			if m.ID == r.cfg.HostID {
				continue
			}
			f := FollowerStatus{ID: m.ID, AgeMs: -1}
			if p, ok := progress[m.ID]; ok {
				f.Match, f.AgeMs = p.match, now.Sub(p.contact).Milliseconds()
			}
			f.Lag = s.LastIndex - min(f.Match, s.LastIndex)
			s.Followers = append(s.Followers, f)
		}
		slices.SortFunc(s.Followers, func(a, b FollowerStatus) int { return cmp.Compare(a.ID, b.ID) })
	}
	return s
}

func sortedStatus(replicas []*Replica) []Status {
	all := make([]Status, 0, len(replicas))
	for _, r := range replicas {
		all = append(all, r.Status())
	}
	slices.SortFunc(all, func(a, b Status) int { return cmp.Compare(a.Group, b.Group) })
	return all
}

// Close stops the replica. Operations not yet proposed get ErrClosed, those on their way ErrUnknownOutcome.
func (r *Replica) Close() {
	r.closeOnce.Do(func() {
		r.asking.Stop()
		r.snapshots.abandon() // raft waits for it
		r.restartMu.Lock()
		defer r.restartMu.Unlock()
		if in := r.current(); in != nil {
			if err := in.raft.Shutdown().Error(); err != nil {
				r.node.host.Log.Error("stop replica", "group", r.cfg.Name, "error", err)
			}
		}
		r.tasks.Stop()
	})
}
