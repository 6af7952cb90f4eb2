package leader

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"chasqui/backend/queue"
	"chasqui/node"
	"chasqui/node/replication"
)

// Slot is this host's replica of one slot. Its methods may be called concurrently.
type Slot struct {
	host    node.Host
	number  uint16
	replica *replication.Replica
	tasks   *node.Tasks
	moving  chan struct{} // capacity 1: there may be messages to move to other queues

	mu      sync.Mutex // guards the fields below; never held while waiting
	machine *queue.Machine
	waits   waitTable
	sizedMs int64 // replicated time at which stateBytes was last computed

	stateBytes atomic.Int64
}

// sizeEveryMs spaces the computations of the state's size, which look at every partition.
const sizeEveryMs = 100

// Start starts this host's replica of a slot. group describes its raft group. carrier brings messages to other queues;
// without one, those that have to move wait.
func Start(host node.Host, replicas *replication.Node, number uint16, group replication.Config, carrier Carrier) (*Slot, error) {
	s := &Slot{
		host: host, number: number, tasks: host.Tasks.Group(), machine: queue.NewMachine(), waits: newWaitTable(),
		moving: make(chan struct{}, 1),
	}
	replica, err := replicas.Start(group, (*machine)(s))
	if err != nil {
		return nil, fmt.Errorf("start slot %d: %w", number, err)
	}
	s.replica = replica
	s.tasks.Go(fmt.Sprintf("slot %d waits", number), s.watchWaits)
	s.tasks.Go(fmt.Sprintf("slot %d expiry", number), s.expire)
	if carrier != nil {
		s.tasks.Go(fmt.Sprintf("slot %d redrive", number), (&redriver{slot: s, carrier: carrier}).run)
	}
	return s, nil
}

// Replica returns the slot's replica, for status and hints.
func (s *Slot) Replica() *replication.Replica { return s.replica }

// Execute puts an encoded command into the slot's log; done gets its result (*queue.Result) or an error of package
// replication, and must not block.
func (s *Slot) Execute(operation []byte, deadline time.Time, done func(result *queue.Result, err error)) {
	s.replica.Submit(replication.Operation{
		Data: operation, Deadline: deadline,
		Done: func(result any, err error) {
			if err != nil {
				done(nil, err)
				return
			}
			done(result.(*queue.Result), nil)
		},
	})
}

// NothingToReceive tells whether a receive would certainly be answered with no messages as of this host's state, so
// that it need not be written to the log: most polls of an empty queue end here. A host that has lost the leadership
// without knowing may say so wrongly for a moment, which SQS allows: an empty answer does not mean an empty queue.
func (s *Slot) NothingToReceive(c *queue.Command) bool {
	if c.Receive == nil || c.Receive.AttemptID != "" || !s.replica.IsLeader() {
		return false
	}
	now := s.host.Clock.Now().UnixMilli()
	s.mu.Lock()
	defer s.mu.Unlock()
	settings, ok := s.machine.Settings(c.Partition)
	if !ok || settings.Version != c.SettingsVersion || s.machine.Receivable(c.Partition, now) {
		return false
	}
	// At the limit of messages in flight the answer is not "nothing" but OverLimit, which the state machine gives.
	stats, _ := s.machine.Stats(c.Partition, now)
	return stats.InFlight < queue.MaxInFlight
}

// Stats returns a partition's counts, up to date with everything acknowledged before the call. ok is false if the
// slot has no such partition.
func (s *Slot) Stats(ctx context.Context, id queue.PartitionID) (stats queue.Stats, ok bool, err error) {
	if err := s.replica.ReadBarrier(ctx); err != nil {
		return queue.Stats{}, false, err
	}
	now := s.host.Clock.Now().UnixMilli()
	s.mu.Lock()
	defer s.mu.Unlock()
	stats, ok = s.machine.Stats(id, now)
	return stats, ok, nil
}

// StateBytes returns about how much the slot's messages take on this host, as of the last tenth of a second of work.
func (s *Slot) StateBytes() int64 { return s.stateBytes.Load() }

// Close ends all waits and stops the slot's tasks. The replica is closed by its replication.Node.
func (s *Slot) Close() {
	s.tasks.Stop()
	s.mu.Lock()
	ended := s.waits.removeAll()
	s.mu.Unlock()
	for _, w := range ended {
		w.finish(false, replication.ErrClosed)
	}
}

// expiryInterval is how often the leader looks for partitions whose old messages nobody else has removed.
const expiryInterval = 30 * time.Second

// expire proposes to release what is past its retention in partitions that nobody addresses.
func (s *Slot) expire(ctx context.Context) {
	for node.Wait(ctx, s.host.Clock, expiryInterval) == nil {
		if !s.replica.IsLeader() {
			continue
		}
		for _, id := range s.expired(s.host.Clock.Now().UnixMilli()) {
			command := queue.Command{Partition: id, Kind: queue.KindExpire}
			if _, err := s.replica.Propose(ctx, command.Encode()); err != nil && ctx.Err() == nil {
				s.host.Log.Warn("expiry not proposed; tried again later", "slot", s.number, "partition", id.String(), "error", err)
				break
			}
		}
	}
}

func (s *Slot) expired(now int64) []queue.PartitionID {
	s.mu.Lock()
	defer s.mu.Unlock()
	var due []queue.PartitionID
	for _, id := range s.machine.Partitions() {
		if at, ok := s.machine.NextExpiry(id); ok && at <= now {
			due = append(due, id)
		}
	}
	return due
}

// machine is the Slot as its replica sees it.
type machine Slot

var _ replication.StateMachine = (*machine)(nil)

// Apply executes committed commands and wakes those who wait for what they made receivable.
func (m *machine) Apply(now int64, operations [][]byte) []any {
	s := (*Slot)(m)
	results := make([]any, len(operations))
	moves := false
	s.mu.Lock()
	s.machine.BeginEntry(operations)
	var decoder queue.Decoder
	for i, operation := range operations {
		command, err := decoder.Decode(operation)
		if err != nil {
			results[i] = &queue.Result{Code: queue.BadCommand}
			continue
		}
		results[i] = s.machine.ApplyCommand(now, command)
		s.waits.touch(command.Partition)
		moves = moves || mayMove(command)
	}
	s.machine.EndEntry()
	if moves && s.machine.Moving() {
		s.tellMoving()
	}
	woken := s.wakeTouched(now)
	if now >= s.sizedMs+sizeEveryMs {
		s.size(now)
	}
	s.mu.Unlock()
	for _, w := range woken {
		w.finish(true, nil)
	}
	return results
}

// messageOverheadBytes is about what a message takes besides its bytes: its places in three sets and its ids.
const messageOverheadBytes = 512

func (s *Slot) size(now int64) {
	totals := s.machine.Totals()
	s.sizedMs = now
	s.stateBytes.Store(totals.Bytes + totals.Unused + int64(totals.Messages)*messageOverheadBytes)
}

// Snapshot captures the state.
func (m *machine) Snapshot() (replication.Snapshot, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.machine.Snapshot()
}

// Restore replaces the state. Who waits here finds the leadership elsewhere before long.
func (m *machine) Restore(r io.Reader) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.machine.Restore(r); err != nil {
		return err
	}
	(*Slot)(m).size(0)
	return nil
}
