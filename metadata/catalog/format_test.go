package catalog_test

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"chasqui/metadata/catalog"
	"chasqui/node/rpc"

	"github.com/stretchr/testify/require"
)

// sampleCommands has one command of each kind, with every field of it set.
func sampleCommands() []struct {
	name    string
	command catalog.Command
} {
	values := catalog.Attributes{
		DelaySeconds: 1, MaximumMessageSize: 2048, MessageRetentionPeriod: 3600, ReceiveMessageWaitTimeSeconds: 20,
		VisibilityTimeout: 43200, Policy: `{"Id":"p"}`, RedrivePolicy: `{"maxReceiveCount":3}`,
		RedriveAllowPolicy: `{"redrivePermission":"allowAll"}`, KmsMasterKeyId: "key", KmsDataKeyReusePeriodSeconds: 60,
		FifoQueue: true, ContentBasedDeduplication: true, DeduplicationScope: catalog.ScopeMessageGroup,
		FifoThroughputLimit: catalog.ThroughputPerGroupID, Partitions: 5, DeletionProtection: true, Delivery: catalog.DeliverAtMostOnce,
	}
	key := [32]byte{}
	for i := range key {
		key[i] = byte(i)
	}
	id := catalog.RequestID{0: 0xaa, 15: 0xbb}
	return []struct {
		name    string
		command catalog.Command
	}{
		{"register-host", catalog.Command{Kind: catalog.KindRegisterHost,
			Host: catalog.Host{ID: "backend-1", Incarnation: 1 << 60, Address: "10.0.0.1:7000", Zone: "dc-1"}}},
		{"assign-slots", catalog.Command{Kind: catalog.KindAssignSlots, Assignment: catalog.Assignment{{"backend-1"}, {"backend-1"}}}},
		{"create-queue", catalog.Command{Kind: catalog.KindCreateQueue, RequestID: id, Account: "111122223333", Name: "all.fifo",
			Patch: catalog.Patch{Given: catalog.AttributeNames(), Values: values},
			Tags:  map[string]string{"b": "2", "a": "", "c": "3"}, ReceiptKey: key, CooldownMs: 60_000}},
		{"set-attributes", catalog.Command{Kind: catalog.KindSetAttributes, RequestID: catalog.RequestID{1}, Account: "111122223333",
			Name: "all.fifo", Patch: catalog.Patch{Given: []string{"DelaySeconds"}, Values: catalog.Attributes{DelaySeconds: 900}},
			Tags: map[string]string{"d": "4"}, RemoveTags: []string{"a", "b"}}},
		{"mark-purged", catalog.Command{Kind: catalog.KindMarkPurged, RequestID: catalog.RequestID{2}, Account: "111122223333",
			Name: "all.fifo", CooldownMs: 1}},
		{"set-attributes-if", catalog.Command{Kind: catalog.KindSetAttributes, RequestID: catalog.RequestID{5}, Account: "111122223333",
			Name: "all.fifo", Patch: catalog.Patch{Given: []string{"Policy"}, Values: catalog.Attributes{Policy: "{}"}}, IfVersion: 7}},
		{"delete-queue", catalog.Command{Kind: catalog.KindDeleteQueue, RequestID: catalog.RequestID{3}, Account: "111122223333", Name: "gone",
			Deletion: catalog.Deletion{Force: true, RestoreMs: 86_400_000}}},
		{"replace-host", catalog.Command{Kind: catalog.KindRegisterHost,
			Host: catalog.Host{ID: "backend-1", Incarnation: 1 << 61, Address: "10.0.0.1:7000", Zone: "dc-1", RejoinMs: 1_700_000_000_000}}},
		{"restore-queue", catalog.Command{Kind: catalog.KindRestoreQueue, RequestID: catalog.RequestID{6}, Account: "111122223333", Name: "gone",
			Deletion: catalog.Deletion{QueueID: 1}}},
	}
}

// sampleCatalog has a record of every type.
func sampleCatalog(t *testing.T) *catalog.Catalog {
	t.Helper()
	c := catalog.New()
	create := catalog.Command{Kind: catalog.KindCreateQueue, RequestID: catalog.RequestID{4}, Account: "111122223333", Name: "gone"}
	commands := sampleCommands()
	operations := [][]byte{commands[0].command.Encode(), commands[1].command.Encode(), create.Encode()}
	for _, sample := range commands[2:] {
		if sample.name == "replace-host" || sample.name == "set-attributes-if" || sample.name == "restore-queue" {
			continue // a tombstone is wanted, and the bytes of a catalog without the others stay what they were
		}
		operations = append(operations, sample.command.Encode())
	}
	for i, result := range c.Apply(1_700_000_000_000, operations) {
		require.Equal(t, catalog.OK, result.(*catalog.Result).Code, "%d: %s", i, result.(*catalog.Result).Detail)
	}
	return c
}

func snapshotBytes(t require.TestingT, c *catalog.Catalog) []byte {
	var b bytes.Buffer
	n, err := c.Snapshot().WriteTo(&b)
	require.NoError(t, err)
	require.EqualValues(t, b.Len(), n)
	return b.Bytes()
}

// TestGoldenBytes pins the formats: what these files hold is in the logs and snapshots of running clusters.
func TestGoldenBytes(t *testing.T) {
	golden := map[string][]byte{"snapshot": snapshotBytes(t, sampleCatalog(t))}
	for _, sample := range sampleCommands() {
		golden["command-"+sample.name] = sample.command.Encode()
	}
	for name, got := range golden {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join("testdata", name+".hex")
			if *update {
				require.NoError(t, os.WriteFile(file, []byte(hexLines(got)), 0o644))
			}
			want, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, string(want), hexLines(got))
		})
	}
}

// TestOldestFormat reads what programs before version 2 have written.
func TestOldestFormat(t *testing.T) {
	for _, sample := range sampleCommands() {
		if sample.name == "restore-queue" || sample.name == "set-attributes-if" {
			continue // there was none
		}
		want := sample.command
		want.Deletion = catalog.Deletion{}
		if want.Kind == catalog.KindCreateQueue {
			want.Patch.Given = want.Patch.Given[:len(want.Patch.Given)-2]
			want.Patch.Values.DeletionProtection, want.Patch.Values.Delivery = false, ""
		}
		got, err := catalog.DecodeCommand(fromHexLines(t, "command-"+sample.name+"-1.hex"))
		require.NoError(t, err, sample.name)
		require.Equal(t, want.Encode(), got.Encode(), sample.name)
	}

	c := catalog.New()
	require.NoError(t, c.Restore(bytes.NewReader(fromHexLines(t, "snapshot-1.hex"))))
	q, ok := c.Queue("111122223333", "all.fifo")
	require.True(t, ok)
	require.Equal(t, 900, q.Attributes.DelaySeconds)
	require.Equal(t, 5, q.Attributes.Partitions)
	require.False(t, q.Attributes.DeletionProtection)
	require.Equal(t, catalog.DeliverExactlyOnce, q.Attributes.Delivery, "what a FIFO queue of that time does")
	restore := catalog.Command{Kind: catalog.KindRestoreQueue, Account: "111122223333", Name: "gone"}
	create := catalog.Command{Kind: catalog.KindCreateQueue, Account: "111122223333", Name: "gone", CooldownMs: 60_000}
	results := c.Apply(1_700_000_000_001, [][]byte{restore.Encode(), create.Encode()})
	require.Equal(t, catalog.NotRestorable, results[0].(*catalog.Result).Code)
	require.Equal(t, catalog.DeletedRecently, results[1].(*catalog.Result).Code)
	again := catalog.New()
	require.NoError(t, again.Restore(bytes.NewReader(snapshotBytes(t, c))))
	require.Equal(t, snapshotBytes(t, c), snapshotBytes(t, again))
}

func fromHexLines(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	b, err := hex.DecodeString(strings.ReplaceAll(string(text), "\n", ""))
	require.NoError(t, err)
	return b
}

func hexLines(b []byte) string {
	var out strings.Builder
	for len(b) > 0 {
		n := min(32, len(b))
		out.WriteString(hex.EncodeToString(b[:n]) + "\n")
		b = b[n:]
	}
	return out.String()
}

func TestCommandRoundTrip(t *testing.T) {
	for _, sample := range sampleCommands() {
		t.Run(sample.name, func(t *testing.T) {
			back, err := catalog.DecodeCommand(sample.command.Encode())
			require.NoError(t, err)
			require.Equal(t, sample.command.Encode(), back.Encode())
			require.Equal(t, sample.command.Tags, back.Tags)
			require.Equal(t, sample.command.Patch.Given, back.Patch.Given)
			require.Equal(t, sample.command.Host, back.Host)
			require.Equal(t, sample.command.Deletion, back.Deletion)
		})
	}
}

// TestDamagedCommands shows that no bytes make Apply panic: cut commands and commands with a changed byte.
func TestDamagedCommands(t *testing.T) {
	for _, sample := range sampleCommands() {
		whole := sample.command.Encode()
		for i := range whole {
			_, err := catalog.DecodeCommand(whole[:i])
			require.Error(t, err, "%s cut at %d", sample.name, i)
			for _, flip := range []byte{0x01, 0x80, 0xff} {
				damaged := bytes.Clone(whole)
				damaged[i] ^= flip
				result := catalog.New().Apply(1, [][]byte{damaged})[0].(*catalog.Result)
				require.LessOrEqual(t, result.Code, catalog.NotRestorable)
			}
		}
	}
}

func TestCommandLimits(t *testing.T) {
	queue := func(change func(c *catalog.Command)) catalog.Command {
		c := catalog.Command{Kind: catalog.KindCreateQueue, Account: "1", Name: "q"}
		change(&c)
		return c
	}
	tags := map[string]string{}
	for i := range catalog.TagsMax + 1 {
		tags[string(rune('a'+i))] = ""
	}
	for _, test := range []struct {
		want    string
		command catalog.Command
	}{
		{"unknown kind", catalog.Command{Kind: 99}},
		{"account of 0 bytes", queue(func(c *catalog.Command) { c.Account = "" })},
		{"queue name of 81 bytes", queue(func(c *catalog.Command) { c.Name = strings.Repeat("x", 81) })},
		{"51 tags", queue(func(c *catalog.Command) { c.Tags = tags })},
		{"tag with a key of 1 and a value of 2000 bytes", queue(func(c *catalog.Command) { c.Tags = map[string]string{"a": strings.Repeat("x", 2000)} })},
		{"key of 2000 bytes", queue(func(c *catalog.Command) { c.RemoveTags = []string{strings.Repeat("x", 2000)} })},
		{"cool-down of 600001 ms", queue(func(c *catalog.Command) { c.CooldownMs = 600_001 })},
		{"time to restore of 2592000001 ms", queue(func(c *catalog.Command) { c.Deletion.RestoreMs = 2_592_000_001 })},
		{"incarnation must not be 0", catalog.Command{Kind: catalog.KindRegisterHost, Host: catalog.Host{ID: "a", Address: "a:1"}}},
		{"address of 0 bytes", catalog.Command{Kind: catalog.KindRegisterHost, Host: catalog.Host{ID: "a", Incarnation: 1}}},
		{"assignment of 0 slots", catalog.Command{Kind: catalog.KindAssignSlots}},
		{"slot 1 has 0 hosts", catalog.Command{Kind: catalog.KindAssignSlots, Assignment: catalog.Assignment{{"a"}, {}}}},
		{"given twice", catalog.Command{Kind: catalog.KindAssignSlots, Assignment: catalog.Assignment{{"a", "a"}}}},
	} {
		t.Run(test.want, func(t *testing.T) { require.ErrorContains(t, test.command.Validate(), test.want) })
	}
}

func TestResultRoundTrip(t *testing.T) {
	q, ok := sampleCatalog(t).Queue("111122223333", "all.fifo")
	require.True(t, ok)
	for _, result := range []catalog.Result{
		{Queue: q},
		{Code: catalog.QueueExists, Attribute: "DelaySeconds"},
		{Code: catalog.BadCommand, Detail: "why"},
	} {
		var back catalog.Result
		require.NoError(t, rpc.Decode(rpc.Encode(&result), &back))
		require.Equal(t, result, back)
	}
}
