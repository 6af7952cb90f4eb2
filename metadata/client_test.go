package metadata

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"chasqui/metadata/catalog"
	"chasqui/node"
	"chasqui/node/rpc"

	"github.com/stretchr/testify/require"
)

func createOf(name string, given ...string) CreateRequest {
	return CreateRequest{Account: "111122223333", Name: name, Given: given, Attributes: catalog.Attributes{DelaySeconds: 5}}
}

func TestClientLifeOfAQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, nil)
		c.ready()
		client, ctx := c.client(), t.Context()
		q, err := client.CreateQueue(ctx, createOf("q", "DelaySeconds"))
		require.NoError(t, err)
		require.Equal(t, 5, q.Attributes.DelaySeconds)
		require.Equal(t, 30, q.Attributes.VisibilityTimeout)

		_, err = client.CreateQueue(ctx, CreateRequest{Account: "111122223333", Name: "q", Given: []string{"DelaySeconds"}})
		var exists *QueueExistsError
		require.ErrorAs(t, err, &exists)
		require.ErrorIs(t, err, ErrQueueExists)
		require.Equal(t, "DelaySeconds", exists.Attribute)

		changed, err := client.SetAttributes(ctx, SetRequest{Account: "111122223333", Name: "q", Given: []string{"VisibilityTimeout"},
			Attributes: catalog.Attributes{VisibilityTimeout: 1}, Tags: map[string]string{"a": "b"}})
		require.NoError(t, err)
		require.Greater(t, changed.Version, q.Version)
		got, err := client.GetQueue(ctx, "111122223333", "q")
		require.NoError(t, err)
		require.Equal(t, changed, got)

		_, err = client.SetAttributes(ctx, SetRequest{Account: "111122223333", Name: "q", Given: []string{"FifoQueue"}, Attributes: catalog.Attributes{FifoQueue: true}})
		var invalid *InvalidAttributeError
		require.ErrorAs(t, err, &invalid)
		require.ErrorIs(t, err, ErrInvalidAttribute)

		_, err = client.MarkPurged(ctx, "111122223333", "q")
		require.NoError(t, err)
		_, err = client.MarkPurged(ctx, "111122223333", "q")
		require.ErrorIs(t, err, ErrPurgeInProgress)

		last, err := client.DeleteQueue(ctx, "111122223333", "q")
		require.NoError(t, err)
		require.Equal(t, q.Slots, last.Slots)
		_, err = client.GetQueue(ctx, "111122223333", "q")
		require.ErrorIs(t, err, ErrNoSuchQueue)
		_, err = client.CreateQueue(ctx, createOf("q"))
		require.ErrorIs(t, err, ErrDeletedRecently)
		_, err = client.CreateQueue(ctx, createOf(""))
		require.ErrorIs(t, err, ErrInvalidRequest)
	})
}

func TestClientLists(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1, nil)
		c.ready()
		client := c.client()
		for i := range 5 {
			_, err := client.CreateQueue(t.Context(), createOf(fmt.Sprintf("q%d", i)))
			require.NoError(t, err)
		}
		var all []string
		after := ""
		for pages := 1; ; pages++ {
			names, next, err := client.ListQueues(t.Context(), "111122223333", "q", after, 2)
			require.NoError(t, err)
			all = append(all, names...)
			if after = next; next == "" {
				require.Equal(t, 3, pages)
				break
			}
		}
		require.Equal(t, []string{"q0", "q1", "q2", "q3", "q4"}, all)

		const arn = "arn:aws:sqs:r:111122223333:q0"
		for _, name := range []string{"q2", "q3", "q4"} {
			_, err := client.SetAttributes(t.Context(), SetRequest{Account: "111122223333", Name: name, Given: []string{"RedrivePolicy"},
				Attributes: catalog.Attributes{RedrivePolicy: `{"deadLetterTargetArn":"` + arn + `","maxReceiveCount":3}`}})
			require.NoError(t, err)
		}
		names, next, err := client.ListSources(t.Context(), "111122223333", arn, "", 2)
		require.NoError(t, err)
		require.Equal(t, []string{"q2", "q3"}, names)
		names, next, err = client.ListSources(t.Context(), "111122223333", arn, next, 2)
		require.NoError(t, err)
		require.Equal(t, []string{"q4"}, names)
		require.Empty(t, next)
		names, _, err = client.ListSources(t.Context(), "111122223333", arn+"0", "", 2)
		require.NoError(t, err)
		require.Empty(t, names)

		// A change that depends on a version is refused when somebody else was faster.
		q, err := client.GetQueue(t.Context(), "111122223333", "q1")
		require.NoError(t, err)
		change := SetRequest{Account: "111122223333", Name: "q1", IfVersion: q.Version, Given: []string{"Policy"}, Attributes: catalog.Attributes{Policy: "{}"}}
		_, err = client.SetAttributes(t.Context(), change)
		require.NoError(t, err)
		_, err = client.SetAttributes(t.Context(), change)
		require.ErrorIs(t, err, ErrConflict)
	})
}

// TestClientFollowsTheLeader counts the calls: one hop by a hint, then none.
func TestClientFollowsTheLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, nil)
		c.set(func() { c.leader = 2 })
		c.ready()
		client := c.client()
		c.takeCalls()
		get := func() {
			_, err := client.GetQueue(t.Context(), "1", "none")
			require.ErrorIs(t, err, ErrNoSuchQueue)
		}
		start := c.host.Clock.Now()
		get()
		require.Equal(t, []string{"meta-0:1 21", "meta-2:1 21"}, c.takeCalls())
		require.Zero(t, node.Since(c.host.Clock, start), "a hint is followed at once")
		get()
		require.Equal(t, []string{"meta-2:1 21"}, c.takeCalls())
		// The leader dies and another is elected.
		c.set(func() { c.leader, c.down[metaAddress(2)] = 0, true })
		get()
		calls := c.takeCalls()
		require.Equal(t, "meta-2:1 21", calls[0])
		require.Equal(t, "meta-0:1 21", calls[len(calls)-1])
		get()
		require.Equal(t, []string{"meta-0:1 21"}, c.takeCalls())
	})
}

// TestReadsAreLinearizable reads from a host that has won an election and not yet applied what others committed.
func TestReadsAreLinearizable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, nil)
		c.ready()
		client := c.client()
		q, err := client.CreateQueue(t.Context(), createOf("q"))
		require.NoError(t, err)
		c.set(func() { c.leader = 1 })
		got, err := client.GetQueue(t.Context(), "111122223333", "q")
		require.NoError(t, err)
		require.Equal(t, q, got)
		c.set(func() { c.leader = 2 })
		names, _, err := client.ListQueues(t.Context(), "111122223333", "", "", 10)
		require.NoError(t, err)
		require.Equal(t, []string{"q"}, names)
	})
}

// TestLostAnswers loses the answer to each kind of change: the retry gets the first attempt's answer.
func TestLostAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, nil)
		c.ready()
		client := c.client()
		lose := func() { c.set(func() { c.loseNext = 2 }) }
		lose()
		q, err := client.CreateQueue(t.Context(), createOf("q", "DelaySeconds"))
		require.NoError(t, err)
		lose()
		purged, err := client.MarkPurged(t.Context(), "111122223333", "q")
		require.NoError(t, err)
		require.Equal(t, q.Version+1, purged.Version)
		lose()
		_, err = client.DeleteQueue(t.Context(), "111122223333", "q")
		require.NoError(t, err)
	})
}

func TestOutcomesAtTheDeadline(t *testing.T) {
	for _, test := range []struct {
		name  string
		spoil func(c *cluster)
		want  error
		not   error
	}{
		{"no host is reachable", func(c *cluster) {
			for i := range c.servers {
				c.down[metaAddress(i)] = true
			}
		}, ErrUnavailable, ErrUnknownOutcome},
		{"no leader", func(c *cluster) { c.leader = -1 }, ErrUnavailable, ErrUnknownOutcome},
		{"answers are lost", func(c *cluster) { c.loseNext = 1 << 30 }, ErrUnknownOutcome, ErrUnavailable},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t, 3, nil)
				c.ready()
				c.set(func() { test.spoil(c) })
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				_, err := c.client().CreateQueue(ctx, createOf("q"))
				require.ErrorIs(t, err, test.want)
				require.NotErrorIs(t, err, test.not)
				require.ErrorIs(t, err, context.DeadlineExceeded)
			})
		})
	}
}

// TestUnknownStaysUnknown loses one answer and then every host: what may have happened must not be called undone.
func TestUnknownStaysUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1, nil)
		c.ready()
		c.set(func() { c.loseNext = 1 })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		client := NewClient(c.host, afterFirst{c}, []string{metaAddress(0)})
		_, err := client.CreateQueue(ctx, createOf("q"))
		require.ErrorIs(t, err, ErrUnknownOutcome)
	})
}

// afterFirst lets one call through.
type afterFirst struct{ c *cluster }

func (a afterFirst) Call(ctx context.Context, address string, m rpc.Method, body []byte) ([]byte, error) {
	defer a.c.set(func() { a.c.down[address] = true })
	return a.c.Call(ctx, address, m, body)
}

// TestCreateWaitsForSlots: a cluster that is starting is unavailable, not broken.
func TestCreateWaitsForSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, nil)
		created := make(chan error)
		go func() {
			_, err := c.client().CreateQueue(t.Context(), createOf("q"))
			created <- err
		}()
		synctest.Wait()
		c.ready()
		require.NoError(t, <-created)
	})
}

func TestJudge(t *testing.T) {
	remote := func(code rpc.Code) error { return fmt.Errorf("call: %w", &rpc.RemoteError{Code: code}) }
	for _, test := range []struct {
		err  error
		want outcome
	}{
		{nil, answered},
		{fmt.Errorf("x: %w", rpc.ErrNotSent), notDone},
		{fmt.Errorf("x: %w", rpc.ErrUnknown), unknownOutcome},
		{errors.New("anything else"), unknownOutcome},
		{remote(rpc.CodeNotLeader), notLeader},
		{remote(rpc.CodeOverloaded), notDone},
		{remote(rpc.CodeExpired), notDone},
		{remote(rpc.CodeUnavailable), notDone},
		{remote(rpc.CodeUnknownMethod), notDone},
		{remote(rpc.CodeBadRequest), refused},
		{remote(rpc.CodeUnknownOutcome), unknownOutcome},
		{remote(rpc.CodeInternal), unknownOutcome},
		{remote(500), unknownOutcome},
	} {
		require.Equal(t, test.want, judge(test.err), "%v", test.err)
	}
}

// TestResultErrors gives every code of the catalog a meaning.
func TestResultErrors(t *testing.T) {
	want := map[catalog.Code]error{
		catalog.QueueExists: ErrQueueExists, catalog.NoSuchQueue: ErrNoSuchQueue, catalog.DeletedRecently: ErrDeletedRecently,
		catalog.PurgeInProgress: ErrPurgeInProgress, catalog.InvalidAttribute: ErrInvalidAttribute, catalog.TooManyTags: ErrTooManyTags,
		catalog.NotReady: ErrUnavailable, catalog.LimitReached: ErrLimitReached,
	}
	require.NoError(t, resultError(&catalog.Result{}))
	for code := catalog.QueueExists; code <= catalog.BadCommand; code++ {
		err := resultError(&catalog.Result{Code: code, Detail: "why", Attribute: "A"})
		if want[code] == nil {
			require.ErrorIs(t, err, ErrInvalidRequest, code)
		} else {
			require.ErrorIs(t, err, want[code], code)
		}
		require.False(t, strings.HasPrefix(code.String(), "code "), "code %d has no name", code)
	}
}
