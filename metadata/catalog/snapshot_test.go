package catalog_test

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"chasqui/metadata/catalog"

	"github.com/stretchr/testify/require"
)

func TestSnapshotRoundTrip(t *testing.T) {
	c := sampleCatalog(t)
	written := snapshotBytes(t, c)
	back := catalog.New()
	require.NoError(t, back.Restore(bytes.NewReader(written)))
	require.Equal(t, written, snapshotBytes(t, back))
	require.Equal(t, c.SlotLoad(), back.SlotLoad())
	require.Equal(t, c.ClusterVersion(), back.ClusterVersion())
	// What is not in the frames but found again: remembered requests and the cool-down of deleted names.
	retry := catalog.Command{Kind: catalog.KindDeleteQueue, RequestID: catalog.RequestID{3}, Account: "111122223333", Name: "gone"}
	again := catalog.Command{Kind: catalog.KindCreateQueue, Account: "111122223333", Name: "gone", CooldownMs: 60_000}
	results := back.Apply(1_700_000_000_001, [][]byte{retry.Encode(), again.Encode()})
	require.Equal(t, catalog.OK, results[0].(*catalog.Result).Code)
	require.Equal(t, "gone", results[0].(*catalog.Result).Queue.Name)
	require.Equal(t, catalog.DeletedRecently, results[1].(*catalog.Result).Code)
}

// TestSnapshotStaysAsItWas writes a snapshot while later commands are applied; the race detector watches.
func TestSnapshotStaysAsItWas(t *testing.T) {
	c := sampleCatalog(t)
	for i := range 500 {
		applyOne(t, c, catalog.Command{Kind: catalog.KindCreateQueue, Account: "1", Name: fmt.Sprintf("q%03d", i)})
	}
	want := snapshotBytes(t, c)
	snapshot := c.Snapshot()
	var got bytes.Buffer
	written := make(chan error)
	go func() {
		_, err := snapshot.WriteTo(&got)
		written <- err
	}()
	for i := range 500 {
		name := fmt.Sprintf("q%03d", i)
		applyOne(t, c, catalog.Command{Kind: catalog.KindSetAttributes, Account: "1", Name: name, Tags: map[string]string{"a": "b"}})
		applyOne(t, c, catalog.Command{Kind: catalog.KindDeleteQueue, RequestID: catalog.RequestID{9, byte(i), byte(i >> 8)}, Account: "1", Name: name})
	}
	require.NoError(t, <-written)
	require.Equal(t, want, got.Bytes())
	got.Reset()
	_, err := snapshot.WriteTo(&got) // once more, with all changes behind it
	require.NoError(t, err)
	require.Equal(t, want, got.Bytes())
	require.NotEqual(t, want, snapshotBytes(t, c))
	snapshot.Release()
	_, err = snapshot.WriteTo(io.Discard)
	require.ErrorContains(t, err, "released")
}

func applyOne(t *testing.T, c *catalog.Catalog, command catalog.Command) *catalog.Queue {
	t.Helper()
	result := c.Apply(0, [][]byte{command.Encode()})[0].(*catalog.Result)
	require.Equal(t, catalog.OK, result.Code, result.Detail)
	return result.Queue
}

// TestDamagedSnapshots changes and cuts every byte. Nothing of it may be taken over.
func TestDamagedSnapshots(t *testing.T) {
	written := snapshotBytes(t, sampleCatalog(t))
	c := catalog.New()
	before := snapshotBytes(t, c)
	for i := range written {
		require.Error(t, c.Restore(bytes.NewReader(written[:i])), "cut at %d", i)
		damaged := bytes.Clone(written)
		damaged[i] ^= 0x40
		require.Error(t, c.Restore(bytes.NewReader(damaged)), "changed at %d", i)
	}
	require.ErrorContains(t, c.Restore(bytes.NewReader(append(bytes.Clone(written), 0))), "bytes follow its end")
	require.Equal(t, before, snapshotBytes(t, c))
}

func TestWriteErrorsAreReported(t *testing.T) {
	_, err := sampleCatalog(t).Snapshot().WriteTo(brokenWriter{})
	require.ErrorIs(t, err, io.ErrShortWrite)
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrShortWrite }
