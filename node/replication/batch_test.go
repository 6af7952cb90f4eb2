package replication

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"chasqui/node/nodetest"
)

// TestLinger measures, in virtual time, how long the batcher waits before it closes a batch.
func TestLinger(t *testing.T) {
	const limit = 2 * time.Millisecond
	for _, c := range []struct {
		name    string
		waiting int           // operations there already
		expect  int           // callers of the last batch
		comes   time.Duration // when one more operation comes; 0 for never
		want    time.Duration
	}{
		{name: "a lone caller never waits", waiting: 1, expect: 1, want: 0},
		{name: "the first one after a pause", waiting: 1, expect: 0, want: 0},
		{name: "all are back", waiting: 3, expect: 3, want: 0},
		{name: "the last one comes", waiting: 2, expect: 3, comes: time.Millisecond, want: time.Millisecond},
		{name: "one is not enough", waiting: 1, expect: 3, comes: time.Millisecond, want: limit},
		{name: "nobody comes", waiting: 1, expect: 2, want: limit},
		{name: "the batch is full", waiting: 8, expect: 20, want: 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			host := nodetest.RealHost(t)
			synctest.Test(t, func(t *testing.T) {
				cfg := DefaultConfig()
				cfg.BatchOperationsMax = 8
				b := newBatcher(&Replica{node: &Node{host: host}, cfg: cfg})
				for range c.waiting {
					require.NoError(t, b.add(Operation{Data: []byte("x")}))
				}
				if c.comes > 0 {
					time.AfterFunc(c.comes, func() { _ = b.add(Operation{Data: []byte("late")}) })
				}
				start := time.Now()
				b.linger(t.Context(), c.expect, limit)
				require.Equal(t, c.want, time.Since(start))
			})
		})
	}
}

// TestABatchKeepsItsBounds takes batches from a line that is longer than one.
func TestABatchKeepsItsBounds(t *testing.T) {
	cfg := DefaultConfig()
	cfg.BatchBytesMax, cfg.BatchOperationsMax, cfg.PendingBytesMax = 100, 3, 1000
	b := newBatcher(&Replica{cfg: cfg})
	for _, size := range []int{10, 10, 10, 10, 90, 20, 200} {
		require.NoError(t, b.add(Operation{Data: make([]byte, size)}))
	}
	var sizes [][]int
	for n, _ := b.waiting(); n > 0; n, _ = b.waiting() {
		var batch []int
		for _, op := range b.take() {
			batch = append(batch, len(op.Data))
		}
		sizes = append(sizes, batch)
	}
	require.Equal(t, [][]int{{10, 10, 10}, {10}, {90}, {20}, {200}}, sizes, "at least one each time, even one that is too large")
	_, bytes := b.waiting()
	require.Zero(t, bytes)
}
