package chaos

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/require"

	"chasqui/chaos/procs"
)

// processOutput collects what a process started by hand prints. It is safe for concurrent use.
type processOutput struct {
	mu     sync.Mutex // guards buffer
	buffer bytes.Buffer
}

func (o *processOutput) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buffer.Write(p)
}

func (o *processOutput) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buffer.String()
}

// byHand returns the command that starts a host of a cluster as its supervisor would, with further flags.
func byHand(t *testing.T, c *procs.Cluster, id string, flags ...string) (*exec.Cmd, *processOutput) {
	t.Helper()
	file, err := c.File()
	require.NoError(t, err)
	command := exec.Command(binary, append(file.Args(*file.Find(id), c.Dir), flags...)...)
	output := &processOutput{}
	command.Stdout, command.Stderr = output, output
	return command, output
}

// lose kills a host and removes its data folder.
func lose(t *testing.T, c *procs.Cluster, id string) {
	t.Helper()
	require.NoError(t, c.Kill(id))
	eventually(t, time.Minute, id+" is dead", func() bool {
		file, err := c.File()
		return err == nil && file.Find(id).PID == 0
	})
	require.NoError(t, os.RemoveAll(filepath.Join(c.Dir, id)))
}

// rejoin starts a host with --rejoin on its empty folder and waits until the cluster is whole again.
func rejoin(t *testing.T, c *procs.Cluster, id string) {
	t.Helper()
	command, output := byHand(t, c, id, "--rejoin")
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Kill() // it may have ended
		_ = command.Wait()
		if t.Failed() {
			t.Logf("%s, started by hand:\n%s", id, output)
		}
	})
	start := time.Now()
	untilHealthy(t, c)
	t.Logf("%s has rejoined; the cluster was whole after %s", id, time.Since(start).Round(time.Millisecond))
}

func untilHealthy(t *testing.T, c *procs.Cluster) {
	t.Helper()
	eventually(t, time.Minute, "the cluster is whole", func() bool {
		status, err := c.Status(t.Context())
		return err == nil && status.Healthy
	})
}

// TestALostDiskIsReplaced loses the disk of a backend and then of a metadata host; both come back with --rejoin and then
// count: with another host of their kind dead, everything that was acknowledged is there.
func TestALostDiskIsReplaced(t *testing.T) {
	c := startCluster(t, "--no-restart")
	client := newClient(c.Endpoint)
	var urls []*string
	for i := range standardQueues {
		urls = append(urls, createQueue(t, client, fmt.Sprintf("lost-%d", i), nil))
	}
	sent := map[string]bool{}
	const batches = 20
	send := func(phase string) {
		t.Helper()
		for n := range batches {
			for q, url := range urls {
				entries := make([]types.SendMessageBatchRequestEntry, 5)
				for i := range entries {
					entries[i] = types.SendMessageBatchRequestEntry{
						Id: aws.String(fmt.Sprint(i)), MessageBody: aws.String(fmt.Sprintf("%s %d %d %d", phase, q, n, i)),
					}
				}
				eventually(t, time.Minute, "a batch is acknowledged", func() bool {
					out, err := client.SendMessageBatch(t.Context(), &sqs.SendMessageBatchInput{QueueUrl: url, Entries: entries})
					return err == nil && len(out.Failed) == 0
				})
				for _, entry := range entries {
					sent[*entry.MessageBody] = true
				}
			}
		}
	}
	send("before")
	lose(t, c, "backend-1")
	send("without")

	// An empty folder alone is refused, and the refusal says what to do.
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	refused, output := byHand(t, c, "backend-1")
	stop := context.AfterFunc(ctx, func() { _ = refused.Process.Kill() })
	require.Error(t, refused.Run())
	require.True(t, stop(), "it ended by itself")
	require.Contains(t, output.String(), "--rejoin")
	require.NoError(t, os.RemoveAll(filepath.Join(c.Dir, "backend-1")))

	rejoin(t, c, "backend-1")
	send("rejoined")
	require.NoError(t, c.Kill("backend-2"))
	send("after")

	lose(t, c, "metadata-1")
	// The status is not healthy with a backend dead; the catalog has its own line.
	command, metadataOutput := byHand(t, c, "metadata-1", "--rejoin")
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Kill() // it may have ended
		_ = command.Wait()
		if t.Failed() {
			t.Logf("metadata-1, started by hand:\n%s", metadataOutput)
		}
	})
	eventually(t, time.Minute, "the metadata host has rejoined", func() bool {
		status, err := c.Status(t.Context())
		if err != nil {
			return false
		}
		for _, m := range status.Metadata {
			if m.ID == "metadata-1" {
				return m.Role == "follower" || m.Role == "leader"
			}
		}
		return false
	})
	require.NoError(t, c.Kill("metadata-2"))
	eventually(t, time.Minute, "the catalog takes changes", func() bool {
		_, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("after")})
		return err == nil
	})

	received := map[string]bool{}
	for _, url := range urls {
		idle := 0
		for idle < 2 {
			out, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: url, MaxNumberOfMessages: 10, WaitTimeSeconds: 1})
			if err != nil {
				continue
			}
			idle++
			for _, m := range out.Messages {
				idle = 0
				received[*m.Body] = true
			}
		}
	}
	for body := range sent {
		require.True(t, received[body], "acknowledged and lost: %s", body)
	}
	t.Logf("%d messages acknowledged, all received", len(sent))
}
