package backend

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"chasqui/backend/queue"
	"chasqui/node"
	"chasqui/node/rpc"
)

// Errors of a Client. Test with errors.Is.
var (
	// ErrUnavailable means the command was not carried out and never will be: no leader was found in time, or the
	// slot refused it for lack of room.
	ErrUnavailable = errors.New("backend unavailable")
	// ErrUnknownOutcome means that the command may have been carried out, or may yet be; no answer came in time.
	ErrUnknownOutcome = errors.New("outcome unknown")
)

// Topology tells where slots are served. metadata.Cache is one.
type Topology interface {
	// SlotLeader returns the address of the host thought to lead a slot.
	SlotLeader(slot uint16) (address string, ok bool)
	// SlotMembers returns the addresses of all hosts of a slot.
	SlotMembers(slot uint16) []string
	// Refresh asks for news; concurrent calls share one question.
	Refresh(ctx context.Context) error
}

// Waits between attempts of one command.
const (
	retryPauseMin = 10 * time.Millisecond
	retryPauseMax = 200 * time.Millisecond
	// attemptTimeout bounds one attempt, so that a host that died without a word does not use up the whole deadline.
	// It exceeds the time a healthy leader may need to commit on a slow disk.
	attemptTimeout = 2 * time.Second
	// hintHopsMax is how many hints are followed without a pause: two hosts may each take the other for the leader.
	hintHopsMax = 2
)

// Client sends commands to the leaders of slots. Its methods may be called concurrently.
type Client struct {
	host     node.Host
	rpc      *rpc.Client
	topology Topology

	mu       sync.Mutex // guards the fields below
	sessions map[uint16]*session
	leaders  map[uint16]string // who answered last as a slot's leader
}

// NewClient returns a client with sessions of its own.
func NewClient(host node.Host, client *rpc.Client, topology Topology) *Client {
	return &Client{
		host: host, rpc: client, topology: topology,
		sessions: make(map[uint16]*session), leaders: make(map[uint16]string),
	}
}

// Do carries out a command on a slot, whoever leads it, and returns the state machine's answer. It sets the
// command's Session, Seq and LowWater. Attempts are repeated until ctx's deadline, which must be set; because a
// repeated command is recognised, it takes effect at most once. ErrUnavailable: it has not taken effect and will
// not; ErrUnknownOutcome: nobody knows.
//
// With wait > 0 a receive that finds nothing waits up to that long for something to receive (long poll). ctx's
// deadline must leave room for it.
func (c *Client) Do(ctx context.Context, slot uint16, command *queue.Command, wait time.Duration) (*queue.Result, error) {
	if command.Kind != queue.KindReceive || wait <= 0 {
		return c.once(ctx, slot, command)
	}
	until := c.host.Clock.Now().Add(wait)
	for {
		result, err := c.once(ctx, slot, command)
		if err != nil || result.Code != queue.OK || len(result.Messages) > 0 {
			return result, err
		}
		left := until.Sub(c.host.Clock.Now())
		if left <= 0 {
			return result, nil
		}
		receivable, err := c.Wait(ctx, slot, command.Partition, command.SettingsVersion, command.Receive.Max, left)
		if err != nil {
			return nil, err
		}
		if !receivable {
			return result, nil
		}
	}
}

// Go is Do, with no wait, that does not keep its caller: done is called once with what Do would return, on a goroutine
// that serves others too, so it must not block. A caller that has thousands of commands under way needs no goroutine for
// each; those whose first attempt fails get one.
func (c *Client) Go(ctx context.Context, slot uint16, command *queue.Command, done func(*queue.Result, error)) {
	s, body := c.begin(slot, command)
	seq := command.Seq
	end := func(answer []byte, err error) {
		s.end(seq)
		if err != nil {
			done(nil, err)
			return
		}
		done(decodeResult(slot, answer))
	}
	retry := func(body []byte, unknown bool) {
		if !c.host.Tasks.Go("backend command", func(context.Context) {
			end(c.retry(ctx, slot, methodExecute, body, attemptTimeout, unknown))
		}) {
			end(nil, outcome(slot, unknown, context.Canceled))
		}
	}
	address := c.leader(slot, 0)
	if address == "" {
		retry(body, false)
		return
	}
	c.rpc.GoWithin(ctx, attemptTimeout, address, methodExecute, rpc.Part{Data: body, Immutable: true}, func(answer []byte, err error) {
		if err == nil {
			end(answer, nil)
			return
		}
		hint, again, unknown := judge(err, false)
		if !again {
			end(nil, outcome(slot, unknown, err))
			return
		}
		c.setLeader(slot, hint)
		if unknown {
			body = repeatedExecute(body)
		}
		retry(body, unknown)
	})
}

// begin gives a command its place in the session with a slot, and returns the request. The place is taken until end.
func (c *Client) begin(slot uint16, command *queue.Command) (s *session, body []byte) {
	s = c.session(slot)
	command.Session = s.id
	command.Seq, command.LowWater = s.begin()
	return s, encodeExecute(slot, command)
}

func (c *Client) once(ctx context.Context, slot uint16, command *queue.Command) (*queue.Result, error) {
	s, body := c.begin(slot, command)
	defer s.end(command.Seq)
	answer, err := c.call(ctx, slot, methodExecute, body, attemptTimeout)
	if err != nil {
		return nil, err
	}
	return decodeResult(slot, answer)
}

func decodeResult(slot uint16, answer []byte) (*queue.Result, error) {
	result, err := queue.DecodeResult(answer)
	if err != nil {
		return nil, fmt.Errorf("%w: answer of slot %d: %w", ErrUnknownOutcome, slot, err)
	}
	if result.Code == queue.Overloaded {
		return nil, fmt.Errorf("%w: slot %d is at the limit of its sessions", ErrUnavailable, slot)
	}
	return &result, nil
}

// Wait blocks until a receive of max messages from a partition is worth trying (true), or until wait has passed
// (false). version is that of the queue's settings the caller knows; a change of them ends the wait with true.
// Nothing is received by waiting.
func (c *Client) Wait(ctx context.Context, slot uint16, id queue.PartitionID, version uint64, max int, wait time.Duration) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	request := waitRequest{slot: slot, partition: id, version: version, max: uint8(max)}
	answer, err := c.call(ctx, slot, methodWait, request.encode(), wait+attemptTimeout)
	if ctx.Err() != nil {
		return false, nil // a wait that has run out changes nothing, whatever became of the call
	}
	if err != nil {
		return false, err
	}
	return len(answer) == 1 && answer[0] == 1, nil
}

// Stats returns a partition's counts; all zero if the partition has never been used.
func (c *Client) Stats(ctx context.Context, slot uint16, id queue.PartitionID) (queue.Stats, error) {
	request := binary.LittleEndian.AppendUint16(make([]byte, 0, statsRequestBytes), slot)
	answer, err := c.call(ctx, slot, methodStats, appendPartition(request, id), attemptTimeout)
	if err != nil {
		return queue.Stats{}, err
	}
	stats, _, err := decodeStats(answer)
	return stats, err
}

func (c *Client) session(slot uint16) *session {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.sessions[slot]
	if s == nil {
		s = newSession(c.host.Random.Uint64() | 1) // 0 would mean "no memory"
		c.sessions[slot] = s
	}
	return s
}

// call sends one request to the slot's leader until somebody answers. The same bytes go out every time, but that a command
// says so once an earlier try of it may have been carried out.
func (c *Client) call(ctx context.Context, slot uint16, method rpc.Method, body []byte, timeout time.Duration) ([]byte, error) {
	return c.retry(ctx, slot, method, body, timeout, false)
}

// retry is call; unknown says that an earlier attempt may have been carried out.
func (c *Client) retry(ctx context.Context, slot uint16, method rpc.Method, body []byte, timeout time.Duration, unknown bool) ([]byte, error) {
	var last error
	pause, hops := retryPauseMin, 0
	for attempt := 0; ; attempt++ {
		address := c.leader(slot, attempt)
		if address != "" {
			answer, err := c.rpc.CallParts(ctx, timeout, address, method, rpc.Part{Data: body, Immutable: true})
			if err == nil {
				c.setLeader(slot, address)
				return answer, nil
			}
			last = err
			hint, again, now := judge(err, unknown)
			if now && !unknown && method == methodExecute {
				body = repeatedExecute(body)
			}
			unknown = now
			if !again {
				return nil, outcome(slot, unknown, err)
			}
			c.setLeader(slot, hint)
			if hint != "" && hint != address && hops < hintHopsMax {
				hops++
				continue
			}
			hops = 0
		}
		if err := c.pause(ctx, &pause); err != nil {
			return nil, outcome(slot, unknown, errors.Join(last, err))
		}
	}
}

// judge says what a failed attempt means: where to try next, whether to try again at all, and whether any attempt up
// to here may have been carried out.
func judge(err error, unknown bool) (hint string, again, nowUnknown bool) {
	var remote *rpc.RemoteError
	if !errors.As(err, &remote) {
		return "", true, unknown || !errors.Is(err, rpc.ErrNotSent)
	}
	switch remote.Code {
	case rpc.CodeNotLeader:
		return hintAddress(remote.Message), true, unknown
	case rpc.CodeUnavailable, rpc.CodeExpired:
		return "", true, unknown
	case rpc.CodeOverloaded, rpc.CodeBadRequest, rpc.CodeUnknownMethod:
		return "", false, unknown
	default:
		return "", true, true
	}
}

func outcome(slot uint16, unknown bool, err error) error {
	if unknown {
		return fmt.Errorf("%w: slot %d: %w", ErrUnknownOutcome, slot, err)
	}
	return fmt.Errorf("%w: slot %d: %w", ErrUnavailable, slot, err)
}

// leader returns where to try: who answered last, else what the topology says, else the slot's hosts in turn.
func (c *Client) leader(slot uint16, attempt int) string {
	c.mu.Lock()
	address := c.leaders[slot]
	c.mu.Unlock()
	if address != "" {
		return address
	}
	if attempt%2 == 0 {
		if address, ok := c.topology.SlotLeader(slot); ok {
			return address
		}
	}
	if members := c.topology.SlotMembers(slot); len(members) > 0 {
		return members[(int(slot)+attempt)%len(members)]
	}
	return ""
}

func (c *Client) setLeader(slot uint16, address string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if address == "" {
		delete(c.leaders, slot)
		return
	}
	c.leaders[slot] = address
}

// pause waits a little, longer each time, and asks the topology for news meanwhile.
func (c *Client) pause(ctx context.Context, pause *time.Duration) error {
	d := *pause
	*pause = min(2*d, retryPauseMax)
	// Half of the pause is random, so that frontends do not come back all at once.
	d = d/2 + time.Duration(c.host.Random.Uint64()%uint64(d/2+1))
	refresh, cancel := context.WithTimeout(ctx, retryPauseMax)
	defer cancel()
	if err := c.topology.Refresh(refresh); err != nil && ctx.Err() == nil {
		c.host.Log.Debug("topology not refreshed", "error", err)
	}
	return node.Wait(ctx, c.host.Clock, d)
}
