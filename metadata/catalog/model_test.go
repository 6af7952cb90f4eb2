package catalog_test

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"

	"chasqui/metadata/catalog"
	"chasqui/node/rpc"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// model is the naive catalog: maps, nothing remembered but what the rules of SQS need, every retry looked up in a map
// that never forgets (the test's time stays within ten minutes).
type model struct {
	now      int64
	queues   map[string]modelQueue
	deleted  map[string][]modelDeletion // of each name, the last one last
	requests map[catalog.RequestID]outcome
}

type modelQueue struct {
	delay, partitions int
	purged, modified  int64
	protected         bool
	tags              map[string]string
}

type modelDeletion struct {
	queue     modelQueue
	at, until int64 // when it was deleted, and until when it can be restored
}

type outcome struct {
	code      catalog.Code
	attribute string
}

func (m *model) apply(c *catalog.Command) outcome {
	if earlier, ok := m.requests[c.RequestID]; ok {
		return earlier
	}
	o := m.perform(c)
	if c.RequestID != (catalog.RequestID{}) {
		m.requests[c.RequestID] = o
	}
	return o
}

func (m *model) perform(c *catalog.Command) outcome {
	q, exists := m.queues[c.Name]
	given := func(name string) bool { return slices.Contains(c.Patch.Given, name) }
	if c.Kind == catalog.KindCreateQueue {
		deletions := m.deleted[c.Name]
		switch {
		case exists && given("DelaySeconds") && q.delay != c.Patch.Values.DelaySeconds:
			return outcome{catalog.QueueExists, "DelaySeconds"}
		case exists && given("Partitions") && q.partitions != c.Patch.Values.Partitions:
			return outcome{catalog.QueueExists, "Partitions"}
		case exists && given("DeletionProtection") && q.protected != c.Patch.Values.DeletionProtection:
			return outcome{catalog.QueueExists, "DeletionProtection"}
		case exists:
			return outcome{}
		case len(deletions) > 0 && m.now < deletions[len(deletions)-1].at+c.CooldownMs:
			return outcome{code: catalog.DeletedRecently}
		}
		q = modelQueue{partitions: 1, modified: m.now, tags: c.Tags}
		if given("DelaySeconds") {
			q.delay = c.Patch.Values.DelaySeconds
		}
		q.protected = c.Patch.Values.DeletionProtection
		if given("Partitions") {
			q.partitions = c.Patch.Values.Partitions
		}
		m.queues[c.Name] = q
		return outcome{}
	}
	if c.Kind == catalog.KindRestoreQueue {
		deletions := m.deleted[c.Name]
		switch last := len(deletions) - 1; {
		case exists:
			return outcome{code: catalog.QueueExists}
		case last < 0 || m.now >= deletions[last].until:
			return outcome{code: catalog.NotRestorable}
		default:
			m.queues[c.Name], m.deleted[c.Name] = deletions[last].queue, deletions[:last]
			return outcome{}
		}
	}
	if !exists {
		return outcome{code: catalog.NoSuchQueue}
	}
	switch c.Kind {
	case catalog.KindSetAttributes:
		if given("Partitions") && q.partitions != c.Patch.Values.Partitions {
			return outcome{catalog.InvalidAttribute, "Partitions"}
		}
		if len(c.Patch.Given) > 0 {
			q.modified = m.now
		}
		if given("DeletionProtection") {
			q.protected = c.Patch.Values.DeletionProtection
		}
		if given("DelaySeconds") {
			q.delay = c.Patch.Values.DelaySeconds
		}
		tags := maps.Clone(q.tags)
		for _, key := range c.RemoveTags {
			delete(tags, key)
		}
		if tags == nil {
			tags = map[string]string{}
		}
		maps.Copy(tags, c.Tags)
		q.tags = tags
	case catalog.KindMarkPurged:
		if q.purged != 0 && m.now < q.purged+c.CooldownMs {
			return outcome{code: catalog.PurgeInProgress}
		}
		q.purged = m.now
	case catalog.KindDeleteQueue:
		if q.protected && !c.Deletion.Force {
			return outcome{code: catalog.Protected}
		}
		delete(m.queues, c.Name)
		m.deleted[c.Name] = append(m.deleted[c.Name], modelDeletion{queue: q, at: m.now, until: m.now + c.Deletion.RestoreMs})
		return outcome{}
	}
	m.queues[c.Name] = q
	return outcome{}
}

// TestAgainstModel applies random commands to the catalog and the model, with retries, and sometimes goes on from a
// snapshot.
func TestAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const account = "1"
		c := catalog.New()
		host := catalog.Command{Kind: catalog.KindRegisterHost, Host: catalog.Host{ID: "a", Incarnation: 1, Address: "a:1"}}
		slots := catalog.Command{Kind: catalog.KindAssignSlots, Assignment: catalog.SpreadSlots([]string{"a"}, 3, 3)}
		c.Apply(1, [][]byte{host.Encode(), slots.Encode()})
		m := &model{now: 1, queues: map[string]modelQueue{}, deleted: map[string][]modelDeletion{}, requests: map[catalog.RequestID]outcome{}}
		versions, ids := map[string]uint64{}, map[uint64]string{}
		var lastVersion uint64
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			m.now += rapid.SampledFrom([]int64{0, 1, 3, 5}).Draw(t, "wait")
			command := drawCommand(t, account)
			_, retried := m.requests[command.RequestID]
			want := m.apply(command)
			result := c.Apply(m.now, [][]byte{command.Encode()})[0].(*catalog.Result)
			require.Equal(t, want, outcome{result.Code, result.Attribute}, "%s", result.Detail)
			if q := result.Queue; q != nil && !retried {
				require.Equal(t, command.Name, q.Name)
				require.GreaterOrEqual(t, q.Version, versions[q.Name])
				if q.Version != versions[q.Name] { // changed: later than everything before
					require.Greater(t, q.Version, lastVersion)
					versions[q.Name], lastVersion = q.Version, q.Version
				}
				if name, known := ids[q.ID]; known {
					require.Equal(t, name, q.Name)
				}
				ids[q.ID] = q.Name
			}
			compare(t, m, c, account)
			if rapid.IntRange(0, 9).Draw(t, "snapshot") == 0 {
				restored := catalog.New()
				require.NoError(t, restored.Restore(bytes.NewReader(snapshotBytes(t, c))))
				c = restored
			}
		}
	})
}

// TestReplicasStayEqual gives the same random commands to a catalog and to one restored from its snapshot on the way, over
// times at which results and deleted names are forgotten. Every result must be the same byte for byte, and so must the
// snapshots: replicas compare digests of them.
func TestReplicasStayEqual(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const account = "1"
		kept, restored := catalog.New(), catalog.New()
		now := int64(1)
		apply := func(commands ...*catalog.Command) {
			var operations [][]byte
			for _, c := range commands {
				operations = append(operations, c.Encode())
			}
			results, others := kept.Apply(now, operations), restored.Apply(now, operations)
			for i := range results {
				require.Equal(t, rpc.Encode(results[i].(*catalog.Result)), rpc.Encode(others[i].(*catalog.Result)))
			}
		}
		apply(&catalog.Command{Kind: catalog.KindRegisterHost, Host: catalog.Host{ID: "a", Incarnation: 1, Address: "a:1"}},
			&catalog.Command{Kind: catalog.KindRegisterHost, Host: catalog.Host{ID: "b", Incarnation: 2, Address: "b:1"}},
			&catalog.Command{Kind: catalog.KindAssignSlots, Assignment: catalog.SpreadSlots([]string{"a", "b"}, 3, 2)})
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now += rapid.SampledFrom([]int64{0, 1, 5, -3, catalog.RequestKeep.Milliseconds() / 4}).Draw(t, "wait")
			command := drawCommand(t, account)
			command.Tags["z"], command.Tags["a"] = "1", "2"
			apply(command)
			if rapid.IntRange(0, 9).Draw(t, "restore") == 0 {
				next := catalog.New()
				require.NoError(t, next.Restore(bytes.NewReader(snapshotBytes(t, restored))))
				restored = next
			}
		}
		apply() // a read barrier
		require.Equal(t, snapshotBytes(t, kept), snapshotBytes(t, restored))
	})
}

func drawCommand(t *rapid.T, account string) *catalog.Command {
	c := &catalog.Command{
		Kind:       rapid.SampledFrom([]catalog.Kind{catalog.KindCreateQueue, catalog.KindSetAttributes, catalog.KindDeleteQueue, catalog.KindMarkPurged, catalog.KindRestoreQueue}).Draw(t, "kind"),
		Account:    account,
		Name:       rapid.SampledFrom([]string{"a", "b", "ba", "c"}).Draw(t, "name"),
		CooldownMs: rapid.SampledFrom([]int64{0, 4, 10}).Draw(t, "cooldown"),
		Tags:       map[string]string{},
	}
	c.RequestID[0] = byte(rapid.IntRange(0, 20).Draw(t, "request")) // 0: not remembered; others come twice now and then
	if c.Kind == catalog.KindDeleteQueue {
		c.Deletion = catalog.Deletion{Force: rapid.Bool().Draw(t, "force"), RestoreMs: rapid.SampledFrom([]int64{0, 6, 20}).Draw(t, "restore")}
	}
	if rapid.IntRange(0, 4).Draw(t, "protection given") == 0 {
		c.Patch.Given = append(c.Patch.Given, "DeletionProtection")
		c.Patch.Values.DeletionProtection = rapid.Bool().Draw(t, "protection")
	}
	if rapid.Bool().Draw(t, "delay given") {
		c.Patch.Given = append(c.Patch.Given, "DelaySeconds")
		c.Patch.Values.DelaySeconds = rapid.IntRange(0, 2).Draw(t, "delay")
	}
	if rapid.Bool().Draw(t, "partitions given") {
		c.Patch.Given = append(c.Patch.Given, "Partitions")
		c.Patch.Values.Partitions = rapid.SampledFrom([]int{1, 2, 6}).Draw(t, "partitions")
	}
	if rapid.Bool().Draw(t, "tagged") {
		c.Tags[rapid.SampledFrom([]string{"x", "y"}).Draw(t, "tag")] = "v"
		c.RemoveTags = []string{rapid.SampledFrom([]string{"x", "y"}).Draw(t, "untag")}
	}
	return c
}

// compare looks at everything a reader can see.
func compare(t *rapid.T, m *model, c *catalog.Catalog, account string) {
	require.Equal(t, len(m.queues), c.QueueCount())
	load := make([]int, len(c.SlotLoad()))
	for name, want := range m.queues {
		got, ok := c.Queue(account, name)
		require.True(t, ok, name)
		require.Equal(t, want.delay, got.Attributes.DelaySeconds)
		require.Equal(t, want.modified, got.ModifiedMs)
		require.Equal(t, want.purged, got.PurgedMs)
		require.Equal(t, want.protected, got.Attributes.DeletionProtection)
		require.Len(t, got.Slots, want.partitions)
		require.True(t, maps.Equal(want.tags, got.Tags), "%v and %v", want.tags, got.Tags)
		for _, slot := range got.Slots {
			load[slot]++
		}
	}
	require.Equal(t, load, c.SlotLoad())
	prefix := rapid.SampledFrom([]string{"", "b"}).Draw(t, "prefix")
	after := rapid.SampledFrom([]string{"", "a", "b", "bb"}).Draw(t, "after")
	var want, got []string
	for _, name := range slices.Sorted(maps.Keys(m.queues)) {
		if strings.HasPrefix(name, prefix) && name > after {
			want = append(want, name)
		}
	}
	listed, more := c.List(account, prefix, after, 2)
	for _, q := range listed {
		got = append(got, q.Name)
	}
	require.Equal(t, strings.Join(want[:min(2, len(want))], " "), strings.Join(got, " "))
	require.Equal(t, len(want) > 2, more)
}
