package workload

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"chasqui/backend"
	"chasqui/backend/queue"
	"chasqui/frontend"
	"chasqui/metadata"
	"chasqui/metadata/catalog"
	"chasqui/node"

	"github.com/stretchr/testify/require"
)

// system is chasqui without network, disk and replicas: the real frontend and the real state machines, each command
// applied at once. Time comes from whoever runs the clients.
type system struct {
	*frontend.Server
	now   func() time.Time
	sleep func(time.Duration)

	mu      sync.Mutex // guards the fields below
	random  *rand.Rand
	catalog *catalog.Catalog
	slots   [2]*queue.Machine
}

var (
	_ frontend.Catalog = (*system)(nil)
	_ frontend.Records = (*system)(nil)
	_ frontend.Backend = (*system)(nil)
	_ node.Random      = (*system)(nil)
	_ node.Clock       = (*system)(nil)
)

func newSystem(t testing.TB, seed uint64, now func() time.Time, sleep func(time.Duration)) *system {
	t.Helper()
	s := &system{now: now, sleep: sleep, random: rand.New(rand.NewPCG(seed, 0)), catalog: catalog.New()}
	for i := range s.slots {
		s.slots[i] = queue.NewMachine()
	}
	for _, command := range []catalog.Command{
		{Kind: catalog.KindRegisterHost, Host: catalog.Host{ID: "h", Incarnation: 1, Address: "h:1"}},
		{Kind: catalog.KindAssignSlots, Assignment: catalog.Assignment{{"h"}, {"h"}}},
	} {
		_, err := s.change(&command)
		require.NoError(t, err)
	}
	host := node.Host{Name: "frontend", Clock: s, Random: s, Log: slog.New(slog.DiscardHandler), Tasks: node.NewTasks(context.Background())}
	var err error
	s.Server, err = frontend.NewServer(host, frontend.DefaultConfig(), s, s, s)
	require.NoError(t, err)
	t.Cleanup(func() {
		s.Close()
		host.Tasks.Stop()
	})
	return s
}

func (s *system) Now() time.Time { return s.now() }

func (s *system) NewTimer(time.Duration) node.Timer { panic("the frontend itself does not wait") }

func (s *system) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(s.Uint64())
	}
	return len(p), nil
}

func (s *system) Uint64() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.random.Uint64()
}

// cooldownMs is how long the name of a deleted queue is refused, and a purge after a purge.
const cooldownMs = 3000

// restoreMs is how long a deleted queue can be restored.
const restoreMs = 600_000

func (s *system) change(command *catalog.Command) (*catalog.Queue, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	result := s.catalog.Apply(s.now().UnixMilli(), [][]byte{command.Encode()})[0].(*catalog.Result)
	switch result.Code {
	case catalog.OK:
		return result.Queue, nil
	case catalog.NoSuchQueue:
		return nil, metadata.ErrNoSuchQueue
	case catalog.DeletedRecently:
		return nil, metadata.ErrDeletedRecently
	case catalog.QueueExists:
		return nil, metadata.ErrNameTaken
	case catalog.NotRestorable:
		return nil, metadata.ErrNotRestorable
	case catalog.PurgeInProgress:
		return nil, metadata.ErrPurgeInProgress
	default:
		return nil, errors.New(result.Code.String() + ": " + result.Detail)
	}
}

func (s *system) CreateQueue(_ context.Context, r metadata.CreateRequest) (*catalog.Queue, error) {
	return s.change(&catalog.Command{Kind: catalog.KindCreateQueue, Account: r.Account, Name: r.Name, CooldownMs: cooldownMs,
		Patch: catalog.Patch{Given: r.Given, Values: r.Attributes}, ReceiptKey: r.ReceiptKey})
}

func (s *system) SetAttributes(_ context.Context, r metadata.SetRequest) (*catalog.Queue, error) {
	return s.change(&catalog.Command{Kind: catalog.KindSetAttributes, Account: r.Account, Name: r.Name,
		Patch: catalog.Patch{Given: r.Given, Values: r.Attributes}})
}

func (s *system) DeleteQueue(_ context.Context, account, name string) (*catalog.Queue, error) {
	return s.change(&catalog.Command{Kind: catalog.KindDeleteQueue, Account: account, Name: name,
		Deletion: catalog.Deletion{RestoreMs: restoreMs}})
}

func (s *system) MarkPurged(_ context.Context, account, name string) (*catalog.Queue, error) {
	return s.change(&catalog.Command{Kind: catalog.KindMarkPurged, Account: account, Name: name, CooldownMs: cooldownMs})
}

func (s *system) GetQueue(_ context.Context, account, name string) (*catalog.Queue, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	record, ok := s.catalog.Queue(account, name)
	if !ok {
		return nil, metadata.ErrNoSuchQueue
	}
	return record, nil
}

func (s *system) ListQueues(context.Context, string, string, string, int) ([]string, string, error) {
	return nil, "", errors.New("not used")
}

func (s *system) ListSources(_ context.Context, account, arn, after string, limit int) ([]string, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	queues, _ := s.catalog.ListSources(account, arn, after, limit)
	for _, q := range queues {
		names = append(names, q.Name)
	}
	return names, "", nil
}

func (s *system) Queue(ctx context.Context, account, name string) (*catalog.Queue, error) {
	return s.GetQueue(ctx, account, name)
}

func (s *system) Store(*catalog.Queue)              {}
func (s *system) Invalidate(string, string, uint64) {}
func (s *system) Refresh(context.Context) error     { return nil }

func (s *system) Do(ctx context.Context, slot uint16, command *queue.Command, wait time.Duration) (*queue.Result, error) {
	until := s.now().Add(wait)
	for {
		s.mu.Lock()
		result := s.apply(slot, command)
		s.moveOn()
		s.mu.Unlock()
		left := until.Sub(s.now())
		if left <= 0 || result.Code != queue.OK || len(result.Messages) > 0 {
			return result, nil
		}
		found, err := s.Wait(ctx, slot, command.Partition, command.SettingsVersion, 1, left)
		if err != nil || !found {
			return result, err
		}
	}
}

// apply carries out a command. mu is held.
func (s *system) apply(slot uint16, command *queue.Command) *queue.Result {
	return s.slots[slot].Apply(s.now().UnixMilli(), [][]byte{command.Encode()})[0].(*queue.Result)
}

// moveOn does what the leaders of slots do beside commands: it lets move tasks go on, and makes all moves. mu is held.
func (s *system) moveOn() {
	for slot, machine := range s.slots {
		for _, id := range machine.Tasks() {
			s.apply(uint16(slot), &queue.Command{Partition: id, Kind: queue.KindMoveTask, MoveTask: &queue.MoveTask{Operation: queue.TaskStep}})
		}
		for _, o := range machine.Outgoing() {
			s.moveOne(uint16(slot), &o)
		}
	}
}

func (s *system) moveOne(slot uint16, o *queue.Outgoing) {
	record, there := s.catalog.Queue(o.Target.Account, o.Target.Name)
	if there {
		partition := int(o.Moved.Number) % len(record.Slots)
		if record.FIFO {
			partition = backend.GroupPartition(record, o.Moved.Group)
		}
		to := queue.PartitionID{Queue: record.ID, Partition: uint16(partition)}
		s.apply(record.Slots[partition], &queue.Command{Partition: to, Kind: queue.KindConfigure, Settings: backend.SettingsOf(record)})
		transfer := &queue.Transfer{Origin: o.Partition, Messages: []queue.Moved{o.Moved}}
		result := s.apply(record.Slots[partition], &queue.Command{Partition: to, SettingsVersion: record.Version, Kind: queue.KindTransfer, Transfer: transfer})
		if result.Code != queue.OK {
			panic("transfer: " + result.Code.String())
		}
	}
	s.apply(slot, &queue.Command{Partition: o.Partition, Kind: queue.KindSettle, Settle: &queue.Settle{Through: o.Moved.Number, Returned: !there}})
}

// lookEvery is how often a long poll looks.
const lookEvery = 25 * time.Millisecond

func (s *system) Wait(ctx context.Context, slot uint16, id queue.PartitionID, version uint64, _ int, wait time.Duration) (bool, error) {
	until := s.now().Add(wait)
	for s.now().Before(until) && ctx.Err() == nil {
		s.mu.Lock()
		settings, _ := s.slots[slot].Settings(id)
		found := s.slots[slot].Receivable(id, s.now().UnixMilli()) || settings.Version != version
		s.mu.Unlock()
		if found {
			return true, nil
		}
		s.sleep(lookEvery)
	}
	return false, nil
}

func (s *system) Stats(_ context.Context, slot uint16, id queue.PartitionID) (queue.Stats, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats, _ := s.slots[slot].Stats(id, s.now().UnixMilli())
	return stats, nil
}

// stored returns the number of messages in all queues that are there.
func (s *system) stored(t testing.TB, plan *Plan) int {
	t.Helper()
	total := 0
	for i := range plan.Queues {
		record, err := s.GetQueue(t.Context(), frontend.DefaultConfig().DefaultAccount, plan.Queues[i].Name)
		if errors.Is(err, metadata.ErrNoSuchQueue) && plan.Queues[i].Exempt {
			continue
		}
		require.NoError(t, err)
		for partition, slot := range record.Slots {
			stats, err := s.Stats(t.Context(), slot, queue.PartitionID{Queue: record.ID, Partition: uint16(partition)})
			require.NoError(t, err)
			total += stats.Visible + stats.InFlight + stats.Delayed
		}
	}
	return total
}
