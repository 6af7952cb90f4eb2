package replication

import (
	"fmt"
	"path"
	"sync"

	"github.com/hashicorp/raft"

	"chasqui/node"
	"chasqui/node/rpc"
	"chasqui/node/wal"
)

// RPC methods of the transport.
const (
	methodAppend   rpc.Method = 1
	methodVote     rpc.Method = 2
	methodPreVote  rpc.Method = 3
	methodSnapshot rpc.Method = 4
	methodMemory   rpc.Method = 5
)

// Node is one process's share of all groups that have a replica on this host: one connection per peer, one journal,
// one folder of snapshots. Its methods may be called concurrently.
type Node struct {
	host    node.Host
	client  *rpc.Client
	journal *wal.Journal
	dir     string
	pace    *pace // of the snapshots of all groups
	resolve func(hostID string) (address string, ok bool)

	mu       sync.Mutex // guards the fields below
	replicas map[uint32]*Replica
	incoming map[uint32]*incomingSnapshot
	closed   bool
}

// NewNode registers the transport's methods with server and keeps snapshots below dir. resolve tells where a host
// answers now; if it does not know, the address in the group's Members is used. The server, the client and the
// journal stay the caller's to close, after the Node.
func NewNode(host node.Host, server *rpc.Server, client *rpc.Client, journal *wal.Journal, dir string,
	resolve func(hostID string) (address string, ok bool)) *Node {
	n := &Node{
		host: host, client: client, journal: journal, dir: dir, pace: &pace{clock: host.Clock}, resolve: resolve,
		replicas: make(map[uint32]*Replica), incoming: make(map[uint32]*incomingSnapshot),
	}
	server.Handle(methodAppend, n.handleAppend)
	server.Handle(methodVote, n.handleVote)
	server.Handle(methodPreVote, n.handlePreVote)
	server.Handle(methodSnapshot, n.handleSnapshotChunk)
	server.Handle(methodMemory, n.handleMemory)
	return n
}

// Start makes this host's replica of a group and joins it to the others. If neither journal nor snapshots know the
// group, it is formed with cfg.Members, which must then be the same on all of them; with cfg.Rejoin the replica asks
// the other members first, which may take as long as they are away, and Start does not wait for that.
func (n *Node) Start(cfg Config, machine StateMachine) (*Replica, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return nil, ErrClosed
	}
	if n.replicas[cfg.GroupID] != nil {
		return nil, fmt.Errorf("group %d is already started on this host", cfg.GroupID)
	}
	snapshots, err := openSnapshotStore(n.host, n.snapshotDir(cfg.GroupID), n.pace)
	if err != nil {
		return nil, err
	}
	r, err := startReplica(n, cfg, machine, snapshots)
	if err != nil {
		return nil, err
	}
	n.replicas[cfg.GroupID] = r
	return r, nil
}

func (n *Node) snapshotDir(groupID uint32) string {
	return path.Join(n.dir, fmt.Sprintf("group-%d", groupID))
}

// Replicas returns the status of every replica on this host, in order of group.
func (n *Node) Replicas() []Status {
	n.mu.Lock()
	replicas := make([]*Replica, 0, len(n.replicas))
	for _, r := range n.replicas {
		replicas = append(replicas, r)
	}
	n.mu.Unlock()
	return sortedStatus(replicas)
}

// Close stops all replicas. What was acknowledged is on disk already.
func (n *Node) Close() {
	n.mu.Lock()
	n.closed = true
	replicas := make([]*Replica, 0, len(n.replicas))
	for _, r := range n.replicas {
		replicas = append(replicas, r)
	}
	n.mu.Unlock()
	for _, r := range replicas {
		r.Close()
	}
}

func (n *Node) address(cfg *Config, id string) (string, error) {
	if n.resolve != nil {
		if address, ok := n.resolve(id); ok {
			return address, nil
		}
	}
	for _, m := range cfg.Members {
		if m.ID == id && m.Address != "" {
			return m.Address, nil
		}
	}
	return "", fmt.Errorf("group %s: no address is known for host %s", cfg.Name, id)
}

var errNoSuchGroup = &rpc.RemoteError{Code: rpc.CodeNotFound, Message: "this host has no replica of that group"}

// receive decodes the group, hands the command to its raft and waits for the answer. Nothing is done for a caller
// whose deadline has passed.
func (n *Node) receive(call *rpc.Call, decode func(*decoder) (any, error)) (any, *Replica, error) {
	d := &decoder{b: call.Body()}
	group := d.u32()
	command, err := decode(d)
	if err != nil {
		return nil, nil, &rpc.RemoteError{Code: rpc.CodeBadRequest, Message: err.Error()}
	}
	replica, err := n.replica(group)
	if err != nil {
		return nil, nil, err
	}
	in := replica.current()
	if in == nil {
		return nil, nil, errDelivery
	}
	answer, err := in.transport.deliver(call.Context(), raft.RPC{Command: command})
	return answer, replica, err
}

func (n *Node) replica(group uint32) (*Replica, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if r := n.replicas[group]; r != nil {
		return r, nil
	}
	return nil, errNoSuchGroup
}

// refusesVote answers a vote or a pre-vote if the replica must not vote, and tells whether it did.
func (n *Node) refusesVote(call *rpc.Call) bool {
	d := &decoder{b: call.Body()}
	replica, err := n.replica(d.u32())
	if err != nil {
		return false // receive says so
	}
	answer, err, refused := replica.refuseVote()
	switch {
	case !refused:
	case err != nil:
		call.Fail(err)
	default:
		call.Reply(answer)
	}
	return refused
}

func (n *Node) handleAppend(call *rpc.Call) {
	var req *raft.AppendEntriesRequest
	answer, replica, err := n.receive(call, func(d *decoder) (any, error) {
		var err error
		if req, err = decodeAppendRequest(d); err == nil {
			takeChecksum(req, call.Body(), call.BodyChecksum())
		}
		return req, err
	})
	if err != nil {
		call.Fail(err)
		return
	}
	resp := answer.(*raft.AppendEntriesResponse)
	if acknowledges(req, resp) {
		if err := waitDurable(replica.logs.newest()); err != nil {
			call.Fail(err)
			return
		}
	}
	call.Reply(encodeAppendResponse(resp))
}

func (n *Node) handleVote(call *rpc.Call) {
	if n.refusesVote(call) {
		return
	}
	resp, _, err := n.receive(call, func(d *decoder) (any, error) {
		v, err := decodeVoteRequest(d)
		return &raft.RequestVoteRequest{
			RPCHeader: v.header, Term: v.term, LastLogIndex: v.lastIndex,
			LastLogTerm: v.lastTerm, LeadershipTransfer: v.leadershipTransferRequested,
		}, err
	})
	if err != nil {
		call.Fail(err)
		return
	}
	vote := resp.(*raft.RequestVoteResponse)
	call.Reply(encodeVoteResponse(vote.RPCHeader, vote.Term, vote.Granted))
}

func (n *Node) handlePreVote(call *rpc.Call) {
	if n.refusesVote(call) {
		return
	}
	resp, _, err := n.receive(call, func(d *decoder) (any, error) {
		v, err := decodeVoteRequest(d)
		return &raft.RequestPreVoteRequest{
			RPCHeader: v.header, Term: v.term, LastLogIndex: v.lastIndex, LastLogTerm: v.lastTerm,
		}, err
	})
	if err != nil {
		call.Fail(err)
		return
	}
	vote := resp.(*raft.RequestPreVoteResponse)
	call.Reply(encodeVoteResponse(vote.RPCHeader, vote.Term, vote.Granted))
}

// errDelivery is what a transport answers while its raft is stopping or too busy to take the message.
var errDelivery = &rpc.RemoteError{Code: rpc.CodeUnavailable, Message: "replica does not take messages now"}
