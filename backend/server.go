package backend

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"chasqui/backend/leader"
	"chasqui/backend/queue"
	"chasqui/node"
	"chasqui/node/replication"
	"chasqui/node/rpc"
)

// Server is one backend host: its slots, and the RPCs by which frontends reach them. Its methods may be called
// concurrently.
type Server struct {
	host     node.Host
	replicas *replication.Node
	cfg      Config
	group    replication.Config // what all slots have in common
	resolve  func(hostID string) (address string, ok bool)
	carrier  leader.Carrier // brings messages to other queues; nil if nobody does

	mu     sync.RWMutex // guards the fields below
	slots  map[uint16]*leader.Slot
	closed bool
}

// Config holds a backend host's limits.
type Config struct {
	// MaxStateBytes bounds the memory for messages of all slots together. Beyond it sends are refused, so that consumers
	// can make room; everything else goes on. 0 is no bound. Default 8 GiB.
	MaxStateBytes int64
	// Replication holds the settings that all slots share: HostID, timeouts and limits; the rest is set per slot. Rejoin
	// says that the host's data folder replaces a lost one: a slot of which it holds nothing is rejoined.
	Replication replication.Config
	// ApplyLog makes the host log every command that it applies (leader.ApplyLog), for audits. Default false.
	ApplyLog bool
}

// DefaultConfig returns the defaults; Replication.HostID remains to be set.
func DefaultConfig() Config {
	return Config{MaxStateBytes: 8 << 30, Replication: replication.DefaultConfig()}
}

// NewServer registers the host's RPCs with server. resolve tells where a host answers, for hints to frontends.
func NewServer(host node.Host, server *rpc.Server, replicas *replication.Node, cfg Config,
	resolve func(hostID string) (address string, ok bool)) *Server {
	s := &Server{
		host: host, replicas: replicas, cfg: cfg, group: cfg.Replication, resolve: resolve, slots: make(map[uint16]*leader.Slot),
	}
	server.HandleInline(methodExecute, s.execute)
	server.HandleInline(methodWait, s.wait)
	server.Handle(methodStats, s.stats)
	return s
}

// MoveWith sets what brings messages to other queues. It must come before the first Ensure.
func (s *Server) MoveWith(carrier leader.Carrier) { s.carrier = carrier }

// firstGroup is the raft group of slot 0: group 0 is the metadata's, should both ever share a process's journal.
const firstGroup = 1

// Ensure starts this host's replica of a slot if it is not running. The first member is preferred as leader, so a
// topology that rotates the members spreads the leaders.
func (s *Server) Ensure(number uint16, members []replication.Member) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.slots[number] != nil {
		return nil
	}
	mine := slices.IndexFunc(members, func(m replication.Member) bool { return m.ID == s.group.HostID })
	if mine < 0 {
		return nil
	}
	group := s.group
	group.GroupID, group.Name = firstGroup+uint32(number), fmt.Sprintf("slot-%d", number)
	group.Members, group.Preferred = members, mine == 0
	if group.Rejoin {
		holds, err := s.replicas.Holds(group.GroupID)
		if err != nil {
			return fmt.Errorf("look for slot %d: %w", number, err)
		}
		group.Rejoin = !holds
	}
	if s.cfg.ApplyLog {
		group.Audit = leader.ApplyLog(s.host.Log, group.Name)
	}
	slot, err := leader.Start(s.host, s.replicas, number, group, s.carrier)
	if err != nil {
		return err
	}
	s.slots[number] = slot
	return nil
}

// Status returns the status of every slot's replica on this host, in order; Group is the slot's number.
func (s *Server) Status() []replication.Status {
	slots := s.replicas.Replicas()
	for i := range slots {
		slots[i].Group -= firstGroup
	}
	return slots
}

// Close ends long polls and stops the slots. The replication.Node is closed by its owner, afterwards.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	slots := make([]*leader.Slot, 0, len(s.slots))
	for _, slot := range s.slots {
		slots = append(slots, slot)
	}
	s.mu.Unlock()
	for _, slot := range slots {
		slot.Close()
	}
}

func (s *Server) slot(number uint16) (*leader.Slot, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if slot := s.slots[number]; slot != nil {
		return slot, nil
	}
	return nil, &rpc.RemoteError{Code: rpc.CodeNotLeader} // nothing is known here; the caller asks elsewhere
}

// execute runs on the connection's reader: it only decodes what it must and hands the command on.
func (s *Server) execute(call *rpc.Call) {
	number, kind, repeated, command, err := decodeExecute(call.Body())
	if err != nil {
		call.Fail(&rpc.RemoteError{Code: rpc.CodeBadRequest, Message: err.Error()})
		return
	}
	slot, err := s.slot(number)
	if err != nil {
		call.Fail(err)
		return
	}
	if kind == queue.KindReceive && !repeated {
		c, err := queue.DecodeCommand(command)
		if err != nil {
			call.Fail(&rpc.RemoteError{Code: rpc.CodeBadRequest, Message: err.Error()})
			return
		}
		if slot.NothingToReceive(&c) {
			call.Reply((&queue.Result{Code: queue.OK}).Encode())
			return
		}
	}
	if kind == queue.KindSend && s.full() {
		call.Fail(&rpc.RemoteError{Code: rpc.CodeOverloaded, Message: "this host's memory for messages is used up; receive and delete some"})
		return
	}
	slot.Execute(command, call.Deadline(), func(result *queue.Result, err error) {
		if err != nil {
			call.Fail(s.remoteError(slot, err))
			return
		}
		if len(result.Messages) == 0 {
			call.Reply(result.Encode())
			return
		}
		// Hundreds of receives can be answered at one moment, each with megabytes that are in memory anyway.
		call.ReplyWhenRoom(result.Encode)
	})
}

func (s *Server) wait(call *rpc.Call) {
	request, err := decodeWait(call.Body())
	if err != nil {
		call.Fail(&rpc.RemoteError{Code: rpc.CodeBadRequest, Message: err.Error()})
		return
	}
	slot, err := s.slot(request.slot)
	if err != nil {
		call.Fail(err)
		return
	}
	slot.Wait(call.Context(), request.partition, request.version, int(request.max), func(receivable bool, err error) {
		switch {
		case err != nil:
			call.Fail(s.remoteError(slot, err))
		case receivable:
			call.Reply([]byte{1})
		default:
			call.Reply([]byte{0})
		}
	})
}

func (s *Server) stats(call *rpc.Call) {
	b := call.Body()
	if len(b) != statsRequestBytes {
		call.Fail(&rpc.RemoteError{Code: rpc.CodeBadRequest, Message: errMessage.Error()})
		return
	}
	slot, err := s.slot(uint16(b[0]) | uint16(b[1])<<8)
	if err != nil {
		call.Fail(err)
		return
	}
	stats, found, err := slot.Stats(call.Context(), decodePartition(b[2:]))
	if err != nil {
		call.Fail(s.remoteError(slot, err))
		return
	}
	call.Reply(encodeStats(stats, found))
}

// full tells whether this host holds as many messages as it may.
func (s *Server) full() bool {
	if s.cfg.MaxStateBytes == 0 {
		return false
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	var total int64
	for _, slot := range s.slots {
		total += slot.StateBytes()
	}
	return total > s.cfg.MaxStateBytes
}

// remoteError keeps "not done" and "unknown" apart on the wire.
func (s *Server) remoteError(slot *leader.Slot, err error) error {
	code := rpc.CodeUnknownOutcome
	switch {
	case errors.Is(err, replication.ErrNotLeader):
		return &rpc.RemoteError{Code: rpc.CodeNotLeader, Message: s.hint(slot)}
	case errors.Is(err, replication.ErrOverloaded):
		code = rpc.CodeOverloaded
	case errors.Is(err, replication.ErrExpired):
		code = rpc.CodeExpired
	case errors.Is(err, replication.ErrClosed):
		code = rpc.CodeUnavailable
	}
	return &rpc.RemoteError{Code: code, Message: err.Error()}
}

// hint names the slot's leader as "hostID address", or is empty.
func (s *Server) hint(slot *leader.Slot) string {
	id, ok := slot.Replica().Leader()
	if !ok || id == s.group.HostID {
		return ""
	}
	address, ok := s.resolve(id)
	if !ok {
		return ""
	}
	return id + " " + address
}

// hintAddress is the address in a hint, "" if there is none.
func hintAddress(hint string) string {
	_, address, _ := strings.Cut(hint, " ")
	return address
}
