package metadata

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"chasqui/metadata/catalog"
	"chasqui/node"
	"chasqui/node/replication"
	"chasqui/node/rpc"
)

// replica is what a Server needs of the raft group that keeps the catalog; *replication.Replica is one.
type replica interface {
	// Propose returns the operation's result once it is committed and applied on this host.
	Propose(ctx context.Context, operation []byte) (any, error)
	// ReadBarrier returns nil once everything acknowledged before the call is applied on this host.
	ReadBarrier(ctx context.Context) error
	IsLeader() bool
	Leader() (hostID string, ok bool)
	Status() replication.Status
}

var _ replica = (*replication.Replica)(nil)

// Server is one metadata host: a member of the raft group that keeps the catalog, and the manager of the backend
// cluster while it leads.
type Server struct {
	host     node.Host
	cfg      Config
	machine  *machine
	replica  replica
	liveness *liveness
	tasks    *node.Tasks
	wake     chan struct{} // has room for one: a heartbeat found something for the manager to do

	closeOnce sync.Once
}

// NewServer starts this host's member of the catalog's raft group on replicas and registers the metadata methods with
// server. The group's replica ends with replicas, which the caller closes after the Server.
func NewServer(host node.Host, server *rpc.Server, replicas *replication.Node, cfg Config) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	group := cfg.Replication
	group.GroupID, group.Name, group.HostID, group.Members = groupCatalog, "catalog", cfg.HostID, cfg.Members
	if group.Rejoin {
		holds, err := replicas.Holds(groupCatalog)
		if err != nil {
			return nil, fmt.Errorf("look for the metadata catalog: %w", err)
		}
		group.Rejoin = !holds
	}
	machine := newMachine()
	replica, err := replicas.Start(group, machine)
	if err != nil {
		return nil, fmt.Errorf("start the metadata catalog: %w", err)
	}
	s := newServer(host, replica, machine, cfg)
	for method := methodFirst; method <= methodLast; method++ {
		server.Handle(method, func(call *rpc.Call) {
			answer, err := s.answer(call.Context(), method, call.Body())
			if err != nil {
				call.Fail(err)
				return
			}
			call.Reply(answer)
		})
	}
	return s, nil
}

func newServer(host node.Host, replica replica, machine *machine, cfg Config) *Server {
	s := &Server{
		host: host.With("part", "metadata"), cfg: cfg, machine: machine, replica: replica,
		liveness: newLiveness(cfg.DeadAfter), tasks: host.Tasks.Group(), wake: make(chan struct{}, 1),
	}
	s.tasks.Go("metadata manager", s.manage)
	return s
}

// Close ends the manager and waits for it. Handlers go on until the RPC server and the replica are closed.
func (s *Server) Close() { s.closeOnce.Do(s.tasks.Stop) }

// answer carries out one call.
func (s *Server) answer(ctx context.Context, method rpc.Method, body []byte) ([]byte, error) {
	switch method {
	case methodChange:
		return s.change(ctx, body)
	case methodGetQueue:
		return s.getQueue(ctx, body)
	case methodListQueues:
		return s.listQueues(ctx, body)
	case methodListSources:
		return s.listSources(ctx, body)
	case methodHeartbeat:
		return s.heartbeat(ctx, body)
	case methodTopology:
		return rpc.Encode(s.topology()), nil
	case methodStatus:
		return rpc.Encode(s.status()), nil
	case methodListDeleted:
		return s.listDeleted(ctx, body)
	default:
		return nil, &rpc.RemoteError{Code: rpc.CodeUnknownMethod, Message: fmt.Sprintf("no metadata method %d", method)}
	}
}

// change proposes a client's command. The cool-downs are this host's, not the client's, and so is the longest time to restore
// a queue.
func (s *Server) change(ctx context.Context, body []byte) ([]byte, error) {
	command, err := catalog.DecodeCommand(body)
	if err != nil {
		return nil, badRequest(err)
	}
	switch command.Kind {
	case catalog.KindCreateQueue:
		command.CooldownMs = s.cfg.DeleteCooldown.Milliseconds()
	case catalog.KindMarkPurged:
		command.CooldownMs = s.cfg.PurgeCooldown.Milliseconds()
	case catalog.KindDeleteQueue:
		command.CooldownMs = 0
		command.Deletion.RestoreMs = min(command.Deletion.RestoreMs, s.cfg.RestoreWindow.Milliseconds())
	case catalog.KindSetAttributes, catalog.KindRestoreQueue:
		command.CooldownMs = 0
	default:
		return nil, badRequest(fmt.Errorf("clients cannot propose commands of kind %d", command.Kind))
	}
	result, err := s.propose(ctx, command)
	if err != nil {
		return nil, err
	}
	if result.Code == catalog.NotReady {
		return nil, &rpc.RemoteError{Code: rpc.CodeUnavailable, Message: result.Detail}
	}
	return rpc.Encode(result), nil
}

// propose replicates a command and returns its result. Its errors are *rpc.RemoteError.
func (s *Server) propose(ctx context.Context, command *catalog.Command) (*catalog.Result, error) {
	answer, err := s.replica.Propose(ctx, command.Encode())
	if err != nil {
		return nil, s.remoteError(err, rpc.CodeUnknownOutcome)
	}
	result, ok := answer.(*catalog.Result)
	if !ok {
		panic(fmt.Sprintf("metadata: the catalog answered command kind %d with a %T", command.Kind, answer))
	}
	return result, nil
}

func (s *Server) getQueue(ctx context.Context, body []byte) ([]byte, error) {
	var key queueKey
	if err := rpc.Decode(body, &key); err != nil {
		return nil, badRequest(err)
	}
	if err := s.barrier(ctx); err != nil {
		return nil, err
	}
	result := &catalog.Result{Code: catalog.NoSuchQueue}
	s.machine.read(func(c *catalog.Catalog) {
		if q, ok := c.Queue(key.account, key.name); ok {
			result = &catalog.Result{Queue: q}
		}
	})
	return rpc.Encode(result), nil
}

func (s *Server) listQueues(ctx context.Context, body []byte) ([]byte, error) {
	var request listRequest
	if err := rpc.Decode(body, &request); err != nil {
		return nil, badRequest(err)
	}
	if err := s.barrier(ctx); err != nil {
		return nil, err
	}
	var queues []*catalog.Queue
	var more bool
	s.machine.read(func(c *catalog.Catalog) {
		queues, more = c.List(request.account, request.prefix, request.after, request.limit)
	})
	return encodeNames(queues, more), nil
}

func (s *Server) listSources(ctx context.Context, body []byte) ([]byte, error) {
	var request sourcesRequest
	if err := rpc.Decode(body, &request); err != nil {
		return nil, badRequest(err)
	}
	if err := s.barrier(ctx); err != nil {
		return nil, err
	}
	var queues []*catalog.Queue
	var more bool
	s.machine.read(func(c *catalog.Catalog) {
		queues, more = c.ListSources(request.account, request.arn, request.after, request.limit)
	})
	return encodeNames(queues, more), nil
}

// encodeNames returns a listAnswer with the names of queues.
func encodeNames(queues []*catalog.Queue, more bool) []byte {
	answer := listAnswer{more: more}
	for _, q := range queues {
		answer.names = append(answer.names, q.Name)
	}
	return rpc.Encode(&answer)
}

// barrier makes the read after it linearizable. A read changes nothing, so whatever went wrong, it may be tried again.
func (s *Server) barrier(ctx context.Context) error {
	if err := s.replica.ReadBarrier(ctx); err != nil {
		return s.remoteError(err, rpc.CodeUnavailable)
	}
	return nil
}

// remoteError says what an error of the replica means to a client. uncertain is the code for errors that do not say
// that nothing was done.
func (s *Server) remoteError(err error, uncertain rpc.Code) error {
	switch {
	case errors.Is(err, replication.ErrUnknownOutcome):
		return &rpc.RemoteError{Code: uncertain, Message: err.Error()}
	case errors.Is(err, replication.ErrNotLeader):
		return &rpc.RemoteError{Code: rpc.CodeNotLeader, Message: s.leaderHint()}
	case errors.Is(err, replication.ErrOverloaded):
		return &rpc.RemoteError{Code: rpc.CodeOverloaded, Message: err.Error()}
	case errors.Is(err, replication.ErrExpired):
		return &rpc.RemoteError{Code: rpc.CodeExpired, Message: err.Error()}
	case errors.Is(err, replication.ErrClosed):
		return &rpc.RemoteError{Code: rpc.CodeUnavailable, Message: err.Error()}
	default:
		return &rpc.RemoteError{Code: uncertain, Message: err.Error()}
	}
}

// leaderHint returns "hostID address" of the leader, or "" if this host knows none but itself.
func (s *Server) leaderHint() string {
	id, ok := s.replica.Leader()
	if !ok || id == s.cfg.HostID {
		return ""
	}
	for _, m := range s.cfg.Members {
		if m.ID == id {
			return m.ID + " " + m.Address
		}
	}
	return ""
}

func badRequest(err error) error {
	return &rpc.RemoteError{Code: rpc.CodeBadRequest, Message: err.Error()}
}
