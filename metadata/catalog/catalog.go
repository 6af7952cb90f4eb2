package catalog

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/btree"
)

// Limits of the whole catalog.
const (
	// QueuesMax is the number of queues. A record takes about 1 KiB of memory on every metadata host.
	QueuesMax = 1_000_000
	// TombstoneKeep is how long a deleted queue is remembered at least, in replicated time. No cool-down is longer.
	TombstoneKeep = 10 * time.Minute
	// RestoreMax bounds how long a deleted queue can be restored, and so is remembered.
	RestoreMax = 30 * 24 * time.Hour
	// TombstonesMax bounds the tombstones, which take as much memory as the records of their queues. Beyond it the one
	// that would go first anyway goes: its queue can no longer be restored, and its name may be used again too early,
	// which confuses nobody but a client that counts on the refusal, for queue ids and versions are never reused.
	TombstonesMax = 100_000

	treeDegree = 32
)

// Catalog is the state machine. It must not be used concurrently; what it returns is immutable and may be.
type Catalog struct {
	nowMs int64
	// lastVersion is the version of the latest change; lastQueueID the id of the latest queue created.
	lastVersion, lastQueueID uint64

	queues     *btree.BTreeG[*Queue]     // by account and name
	tombstones *btree.BTreeG[*Tombstone] // by the time at which they are forgotten, and id
	deleted    *btree.BTreeG[*Tombstone] // the same by account, name and age
	requests   remembered

	hosts          *btree.BTreeG[*Host] // by id
	assignment     Assignment           // nil until AssignSlots; never changed in place
	clusterVersion uint64               // the version of the latest change of hosts or assignment
	slotLoad       []int                // partitions in each slot, counted from queues
}

// New returns an empty catalog.
func New() *Catalog {
	return &Catalog{
		queues:     btree.NewG(treeDegree, queueBefore),
		tombstones: btree.NewG(treeDegree, tombstoneBefore),
		deleted:    btree.NewG(treeDegree, deletedBefore),
		requests:   newRemembered(),
		hosts:      btree.NewG(treeDegree, func(a, b *Host) bool { return a.ID < b.ID }),
	}
}

func queueBefore(a, b *Queue) bool { return keyBefore(a.Account, a.Name, b.Account, b.Name) }

func keyBefore(account, name, otherAccount, otherName string) bool {
	return cmp.Or(strings.Compare(account, otherAccount), strings.Compare(name, otherName)) < 0
}

// Apply carries out encoded commands in order at replicated time now (ms since 1970) and returns a *Result for each.
// A now below an earlier one counts as the earlier one.
func (c *Catalog) Apply(now int64, operations [][]byte) []any {
	c.nowMs = max(c.nowMs, now)
	c.forgetTombstones()
	c.requests.forget(c.nowMs)
	results := make([]any, len(operations))
	for i, operation := range operations {
		results[i] = c.applyEncoded(operation)
	}
	return results
}

func (c *Catalog) applyEncoded(operation []byte) *Result {
	command, err := DecodeCommand(operation)
	if err != nil {
		return &Result{Code: BadCommand, Detail: err.Error()}
	}
	if earlier, ok := c.requests.recall(command.RequestID); ok {
		return earlier
	}
	result := c.apply(command)
	if result.Code != NotReady {
		c.requests.remember(c.nowMs, command.RequestID, result)
	}
	return result
}

func (c *Catalog) apply(command *Command) *Result {
	switch command.Kind {
	case KindCreateQueue:
		return c.createQueue(command)
	case KindSetAttributes:
		return c.setAttributes(command)
	case KindDeleteQueue:
		return c.deleteQueue(command)
	case KindMarkPurged:
		return c.markPurged(command)
	case KindRestoreQueue:
		return c.restoreQueue(command)
	case KindRegisterHost:
		return c.registerHost(command.Host)
	case KindAssignSlots:
		return c.assignSlots(command.Assignment)
	default:
		return &Result{Code: BadCommand, Detail: fmt.Sprintf("no rule for command kind %d", command.Kind)}
	}
}

// nextVersion returns a version larger than every earlier one.
func (c *Catalog) nextVersion() uint64 {
	c.lastVersion++
	return c.lastVersion
}

// Queue returns the record of a queue.
func (c *Catalog) Queue(account, name string) (*Queue, bool) {
	return c.queues.Get(&Queue{Account: account, Name: name})
}

// List returns, in the order of their names, up to limit queues of an account whose names begin with prefix and come
// after the name after ("" for the first), and whether there are more.
func (c *Catalog) List(account, prefix, after string, limit int) (queues []*Queue, more bool) {
	from := &Queue{Account: account, Name: max(prefix, after)}
	c.queues.AscendGreaterOrEqual(from, func(q *Queue) bool {
		if q.Account != account || !strings.HasPrefix(q.Name, prefix) {
			return false
		}
		if q.Name == after {
			return true
		}
		if len(queues) == limit {
			more = true
			return false
		}
		queues = append(queues, q)
		return true
	})
	return queues, more
}

// ListSources returns, in the order of their names, up to limit queues of an account that come after the name after and
// whose redrive policy names the dead-letter queue with an ARN, and whether there are more. It looks at every queue of
// the account.
func (c *Catalog) ListSources(account, arn, after string, limit int) (queues []*Queue, more bool) {
	// Redrive policies are in a canonical form (see Attributes), so the ARN stands there as it is, between quotes.
	quoted := `"` + arn + `"`
	c.queues.AscendGreaterOrEqual(&Queue{Account: account, Name: after}, func(q *Queue) bool {
		if q.Account != account {
			return false
		}
		if q.Name == after || !strings.Contains(q.Attributes.RedrivePolicy, quoted) {
			return true
		}
		if len(queues) == limit {
			more = true
			return false
		}
		queues = append(queues, q)
		return true
	})
	return queues, more
}

// Tombstones returns the deleted queues that are remembered, the one that is forgotten next first.
func (c *Catalog) Tombstones() []*Tombstone {
	all := make([]*Tombstone, 0, c.tombstones.Len())
	c.tombstones.Ascend(func(t *Tombstone) bool {
		all = append(all, t)
		return true
	})
	return all
}

// QueueCount returns the number of queues.
func (c *Catalog) QueueCount() int { return c.queues.Len() }

// Host returns the registration of a backend host.
func (c *Catalog) Host(id string) (*Host, bool) { return c.hosts.Get(&Host{ID: id}) }

// Hosts returns all registered backend hosts in the order of their ids.
func (c *Catalog) Hosts() []*Host {
	all := make([]*Host, 0, c.hosts.Len())
	c.hosts.Ascend(func(h *Host) bool {
		all = append(all, h)
		return true
	})
	return all
}

// Assignment returns which hosts hold each slot; nil until slots are assigned. It must not be changed.
func (c *Catalog) Assignment() Assignment { return c.assignment }

// ClusterVersion grows with every change of hosts or assignment.
func (c *Catalog) ClusterVersion() uint64 { return c.clusterVersion }

// SlotLoad returns the number of partitions in each slot.
func (c *Catalog) SlotLoad() []int { return slices.Clone(c.slotLoad) }
