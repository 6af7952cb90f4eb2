package metadata

import (
	"testing"
	"testing/synctest"
	"time"

	"chasqui/metadata/catalog"

	"github.com/stretchr/testify/require"
)

const owner = "111122223333"

func TestDeletedQueuesComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, func(cfg *Config) { cfg.RestoreWindow = time.Hour })
		c.ready()
		client, ctx := c.client(), t.Context()
		made, err := client.CreateQueue(ctx, CreateRequest{Account: owner, Name: "q", ReceiptKey: [32]byte{7}, Tags: map[string]string{"a": "b"}})
		require.NoError(t, err)
		deleted, err := client.DeleteQueue(ctx, owner, "q")
		require.NoError(t, err)
		require.Equal(t, time.Hour.Milliseconds(), deleted.RestoreMs, "this service's time, whatever the client wished")
		require.Greater(t, deleted.Version, made.Version)
		_, err = client.GetQueue(ctx, owner, "q")
		require.ErrorIs(t, err, ErrNoSuchQueue)

		// Another host leads from here on: what can be restored is replicated.
		c.set(func() { c.leader = 2 })
		list, err := client.RestorableQueues(ctx, owner, "")
		require.NoError(t, err)
		at := time.UnixMilli(fakeNow)
		require.Equal(t, []DeletedQueue{{ID: made.ID, Name: "q", Deleted: at, Until: at.Add(time.Hour)}}, list)
		list, err = client.RestorableQueues(ctx, owner, "x")
		require.NoError(t, err)
		require.Empty(t, list)

		restored, err := client.RestoreQueue(ctx, owner, "q", 0)
		require.NoError(t, err)
		require.Greater(t, restored.Version, deleted.Version)
		want := *made
		want.Version = restored.Version
		require.Equal(t, &want, restored, "as it was but for the version")

		_, err = client.RestoreQueue(ctx, owner, "q", 0)
		require.ErrorIs(t, err, ErrNameTaken)
		require.NotErrorIs(t, err, ErrQueueExists)
		_, err = client.RestoreQueue(ctx, owner, "other", 0)
		require.ErrorIs(t, err, ErrNotRestorable)

		final, err := client.Delete(ctx, DeleteRequest{Account: owner, Name: "q", Final: true})
		require.NoError(t, err)
		require.Zero(t, final.RestoreMs)
		_, err = client.RestoreQueue(ctx, owner, "q", made.ID)
		require.ErrorIs(t, err, ErrNotRestorable)
		require.ErrorContains(t, err, "could be restored for 0s")
	})
}

func TestProtectedQueues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1, nil)
		c.ready()
		client, ctx := c.client(), t.Context()
		_, err := client.CreateQueue(ctx, CreateRequest{Account: owner, Name: "q", Given: []string{"DeletionProtection"},
			Attributes: catalog.Attributes{DeletionProtection: true}})
		require.NoError(t, err)
		_, err = client.DeleteQueue(ctx, owner, "q")
		require.ErrorIs(t, err, ErrProtected)
		deleted, err := client.Delete(ctx, DeleteRequest{Account: owner, Name: "q", Force: true})
		require.NoError(t, err)
		require.Equal(t, (24 * time.Hour).Milliseconds(), deleted.RestoreMs)
	})
}

// TestALostAnswerDeletesOnce: the retry of a deletion finds the first one's answer, and does not delete a queue that
// was restored in between.
func TestALostAnswerDeletesOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, nil)
		c.ready()
		client, ctx := c.client(), t.Context()
		_, err := client.CreateQueue(ctx, CreateRequest{Account: owner, Name: "q"})
		require.NoError(t, err)
		c.set(func() { c.loseNext = 1 })
		first, err := client.DeleteQueue(ctx, owner, "q")
		require.NoError(t, err)
		c.set(func() { c.loseNext = 1 })
		restored, err := client.RestoreQueue(ctx, owner, "q", first.ID)
		require.NoError(t, err)
		got, err := client.GetQueue(ctx, owner, "q")
		require.NoError(t, err)
		require.Equal(t, restored, got)
	})
}
