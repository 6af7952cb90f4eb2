package replication

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
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
}

// instance is a running raft and the transport it reads from. It is replaced as one when raft must be restarted.
type instance struct {
	raft      *raft.Raft
	transport *transport
}

func startReplica(n *Node, cfg Config, machine StateMachine, snapshots *snapshotStore) (*Replica, error) {
	group := n.journal.Group(cfg.GroupID)
	r := &Replica{
		node: n, cfg: cfg, fsm: &fsm{name: cfg.Name, machine: machine}, group: group,
		logs:   &logStore{group: group, oldestSnapshot: snapshots.OldestIndex},
		stable: &stableStore{group: group}, snapshots: snapshots, tasks: n.host.Tasks.Group(),
	}
	r.batcher = newBatcher(r)
	if err := r.bootstrap(); err != nil {
		r.tasks.Stop()
		return nil, err
	}
	running, err := r.newInstance(!cfg.Preferred && len(cfg.Members) > 1)
	if err != nil {
		r.tasks.Stop()
		return nil, err
	}
	r.running = running
	r.tasks.Go(cfg.Name+" batcher", r.batcher.run)
	r.tasks.Go(cfg.Name+" housekeeping", r.housekeeping)
	return r, nil
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
	t := newTransport(r.node, &r.cfg)
	if err := raft.BootstrapCluster(r.raftConfig(), r.logs, r.stable, r.snapshots, t, configuration); err != nil {
		return fmt.Errorf("form %s: %w", r.cfg.Name, err)
	}
	return nil
}

// slowStartFactor stretches the first election timeout of hosts that are not preferred as leader.
const slowStartFactor = 3

func (r *Replica) newInstance(slowStart bool) (*instance, error) {
	t := newTransport(r.node, &r.cfg)
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
	conf.SnapshotInterval = never
	conf.SnapshotThreshold = 1 << 62
	conf.ShutdownOnRemove = false
	conf.NoLegacyTelemetry = true
	conf.Logger = newLogger(r.node.host, r.cfg.Name)
	// NotifyCh stays nil: raft's main loop blocks on it.
	return conf
}

func (r *Replica) current() *instance {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.running
}

func (r *Replica) transport() *transport { return r.current().transport }

// Submit hands an operation to the group. It does not wait: op.Done gets the outcome.
func (r *Replica) Submit(op Operation) { r.batcher.submit(op) }

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
func (r *Replica) IsLeader() bool { return r.current().raft.State() == raft.Leader }

// Leader names the host that this host believes leads the group.
func (r *Replica) Leader() (hostID string, ok bool) {
	_, id := r.current().raft.LeaderWithID()
	return string(id), id != ""
}

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
	_, leader := in.raft.LeaderWithID()
	s := Status{
		Group: r.cfg.GroupID, Name: r.cfg.Name, HostID: r.cfg.HostID, Leader: string(leader),
		Term: in.raft.CurrentTerm(), LastIndex: in.raft.LastIndex(), CommitIndex: in.raft.CommitIndex(),
		AppliedIndex: in.raft.AppliedIndex(), SnapshotIndex: r.snapshots.NewestIndex(),
	}
	switch in.raft.State() {
	case raft.Leader:
		s.Role = "leader"
	case raft.Candidate:
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
		r.restartMu.Lock()
		defer r.restartMu.Unlock()
		in := r.current()
		if err := in.raft.Shutdown().Error(); err != nil {
			r.node.host.Log.Error("stop replica", "group", r.cfg.Name, "error", err)
		}
		r.tasks.Stop()
	})
}
