package replication

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"chasqui/node/rpc"
)

// transport is one group's raft.Transport. A server's address, in raft's sense, is its host id; where that host
// answers is looked up at every call, so that a host may move. All groups share the rpc client's connections.
type transport struct {
	node     *Node
	cfg      *Config
	logs     *logStore // this host's log of the group
	consumer chan raft.RPC
	done     chan struct{}
	close    sync.Once
	// mayCampaign is false while the replica must not ask for votes; nil is true.
	mayCampaign func() bool

	mu    sync.Mutex // guards the fields below
	peers map[string]peerProgress
	leads uint64 // the latest term for which it was said that this host leads
}

// peerProgress is what the leader's transport has seen of one follower.
type peerProgress struct {
	match   uint64    // the last index the follower has acknowledged as stored
	contact time.Time // when it last answered
}

var (
	_ raft.Transport   = (*transport)(nil)
	_ raft.WithPreVote = (*transport)(nil) // without it raft only warns and elections lose their pre-vote
	_ raft.WithClose   = (*transport)(nil)
)

func newTransport(n *Node, cfg *Config, logs *logStore) *transport {
	return &transport{
		node: n, cfg: cfg, logs: logs, consumer: make(chan raft.RPC), done: make(chan struct{}), peers: make(map[string]peerProgress),
	}
}

func (t *transport) Consumer() <-chan raft.RPC     { return t.consumer }
func (t *transport) LocalAddr() raft.ServerAddress { return raft.ServerAddress(t.cfg.HostID) }

func (t *transport) EncodePeer(id raft.ServerID, _ raft.ServerAddress) []byte { return []byte(id) }
func (t *transport) DecodePeer(b []byte) raft.ServerAddress                   { return raft.ServerAddress(b) }

// SetHeartbeatHandler does nothing: every heartbeat goes through raft's main loop. The fast path would run
// appendEntries beside it and can let a deposed leader write an entry stamped with the new term (hashicorp/raft #695).
func (t *transport) SetHeartbeatHandler(func(raft.RPC)) {}

// AppendEntriesPipeline is off: a pipeline can stop for good after a rejected append (hashicorp/raft #612), and with
// one batch in flight it gains nothing measurable.
func (t *transport) AppendEntriesPipeline(raft.ServerID, raft.ServerAddress) (raft.AppendPipeline, error) {
	return nil, raft.ErrPipelineReplicationNotSupported
}

// TimeoutNow is refused: a leadership transfer can leave a later leader refusing every write (hashicorp/raft #696).
func (t *transport) TimeoutNow(raft.ServerID, raft.ServerAddress, *raft.TimeoutNowRequest, *raft.TimeoutNowResponse) error {
	return errors.New("leadership transfer is not supported")
}

// appendEntriesMax and appendBytesMax bound what a follower is sent at once. raft counts entries only, and one may hold a
// batch of a MiB: without a bound in bytes a follower that lacks more than a frame holds would never get it. What raft reads
// from the log and is not sent is read again, so the number is not much larger than what the bytes hold.
const (
	appendEntriesMax = 16
	appendBytesMax   = 8 << 20
)

// AppendEntries sends entries or a heartbeat and waits, never without bound: raft itself sets no deadline, and a
// stuck call would end replication to that peer. Entries beyond appendBytesMax are cut off req, which is where raft
// then looks for what the follower has. raft does not hear that a follower has stored entries before this host
// has (gate.go).
func (t *transport) AppendEntries(id raft.ServerID, _ raft.ServerAddress, req *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	t.announce(req.Term)
	req.Entries = fitting(req.Entries)
	own := t.logs.newest() // the entries of the request are no newer
	timeout := t.cfg.AppendTimeout
	if len(req.Entries) == 0 {
		timeout = 2 * t.cfg.HeartbeatTimeout
	}
	body, err := t.callParts(id, methodAppend, timeout, encodeAppendRequest(t.cfg.GroupID, req)...)
	if err != nil {
		return err
	}
	if err := decodeAppendResponse(body, resp); err != nil {
		return fmt.Errorf("answer of %s to an append: %w", id, err)
	}
	if acknowledges(req, resp) {
		if err := waitDurable(own); err != nil {
			return err
		}
	}
	t.note(string(id), req, resp)
	return nil
}

// fitting returns the first entries, up to appendBytesMax together, but at least one if there is any.
func fitting(entries []*raft.Log) []*raft.Log {
	total := 0
	for i, entry := range entries {
		total += entryWireBytesMin + len(entry.Data)
		if total > appendBytesMax && i > 0 {
			return entries[:i]
		}
	}
	return entries
}

func (t *transport) RequestVote(id raft.ServerID, _ raft.ServerAddress, req *raft.RequestVoteRequest, resp *raft.RequestVoteResponse) error {
	if t.mayCampaign != nil && !t.mayCampaign() {
		return errRejoining
	}
	body, err := t.call(id, methodVote, t.cfg.HeartbeatTimeout, encodeVoteRequest(t.cfg.GroupID, voteRequest{
		header: req.RPCHeader, term: req.Term, lastIndex: req.LastLogIndex, lastTerm: req.LastLogTerm,
		leadershipTransferRequested: req.LeadershipTransfer,
	}))
	if err != nil {
		return err
	}
	resp.RPCHeader, resp.Term, resp.Granted, err = decodeVoteResponse(body)
	return err
}

func (t *transport) RequestPreVote(id raft.ServerID, _ raft.ServerAddress, req *raft.RequestPreVoteRequest, resp *raft.RequestPreVoteResponse) error {
	if t.mayCampaign != nil && !t.mayCampaign() {
		return errRejoining
	}
	body, err := t.call(id, methodPreVote, t.cfg.HeartbeatTimeout, encodeVoteRequest(t.cfg.GroupID, voteRequest{
		header: req.RPCHeader, term: req.Term, lastIndex: req.LastLogIndex, lastTerm: req.LastLogTerm,
	}))
	if err != nil {
		return err
	}
	resp.RPCHeader, resp.Term, resp.Granted, err = decodeVoteResponse(body)
	return err
}

var errRejoining = errors.New("this host rejoins its group and does not campaign")

// InstallSnapshot streams a snapshot; see install.go.
func (t *transport) InstallSnapshot(id raft.ServerID, _ raft.ServerAddress, req *raft.InstallSnapshotRequest, resp *raft.InstallSnapshotResponse, data io.Reader) error {
	return t.sendSnapshot(id, req, resp, data)
}

// Close ends all waits. The rpc client is shared and stays open.
func (t *transport) Close() error {
	t.close.Do(func() { close(t.done) })
	return nil
}

func (t *transport) call(id raft.ServerID, method rpc.Method, timeout time.Duration, body []byte) ([]byte, error) {
	return t.callParts(id, method, timeout, rpc.Part{Data: body})
}

func (t *transport) callParts(id raft.ServerID, method rpc.Method, timeout time.Duration, body ...rpc.Part) ([]byte, error) {
	address, err := t.node.address(t.cfg, string(id))
	if err != nil {
		return nil, err
	}
	return t.node.client.CallParts(t.node.host.Tasks.Context(), timeout, address, method, body...)
}

// deliver hands a message to raft's main loop and waits for its answer. The channel has no buffer: a message whose
// sender has given up is dropped before raft sees it.
func (t *transport) deliver(ctx context.Context, message raft.RPC) (any, error) {
	answer := make(chan raft.RPCResponse, 1)
	message.RespChan = answer
	select {
	case t.consumer <- message:
	case <-t.done:
		return nil, errDelivery
	case <-ctx.Done():
		return nil, errDelivery
	}
	select {
	case a := <-answer:
		return a.Response, a.Error
	case <-t.done:
		return nil, errDelivery
	}
}

// announce logs, once per term, that this host leads in it: only a leader sends appends, and this is the term that it
// sends to its followers, whatever raft believes of its own term elsewhere (leadership.go).
func (t *transport) announce(term uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if term > t.leads {
		t.leads = term
		t.node.host.Log.Info("leads", "group", t.cfg.Name, "term", term)
	}
}

// note remembers a follower's progress for status tables; nothing is decided by it.
func (t *transport) note(id string, req *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.peers[id]
	p.contact = t.node.host.Clock.Now()
	if resp.Success {
		match := req.PrevLogEntry
		if n := len(req.Entries); n > 0 {
			match = req.Entries[n-1].Index
		}
		p.match = max(p.match, match)
	}
	t.peers[id] = p
}

func (t *transport) progress() map[string]peerProgress {
	t.mu.Lock()
	defer t.mu.Unlock()
	peers := make(map[string]peerProgress, len(t.peers))
	for id, p := range t.peers {
		peers[id] = p
	}
	return peers
}
