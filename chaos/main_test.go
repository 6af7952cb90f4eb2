package chaos

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/require"

	"chasqui/chaos/procs"
)

// binary is the chasqui that the tests run, built once by TestMain.
var binary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "chasqui-chaos-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "chasqui")
	build := exec.Command("go", "build", "-o", binary, "chasqui/cmd/chasqui")
	if output, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "chaos: build chasqui: %v\n%s", err, output)
		return 1
	}
	return m.Run()
}

// startCluster starts a cluster that is stopped, and whose logs are shown if the test failed, when the test ends.
func startCluster(t *testing.T, flags ...string) *procs.Cluster {
	t.Helper()
	dir := t.TempDir()
	c, err := procs.Start(procs.Options{Binary: binary, Dir: dir, Flags: flags})
	require.NoError(t, err)
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Errorf("stop the cluster: %v", err)
		}
		if t.Failed() {
			logs, _ := filepath.Glob(filepath.Join(dir, "logs", "*.log"))
			for _, log := range logs {
				content, _ := os.ReadFile(log)
				t.Logf("%s:\n%s", filepath.Base(log), content[max(0, len(content)-4000):])
			}
		}
	})
	return c
}

// newClient returns an SDK client as an application would make it: only the endpoint differs.
func newClient(endpoint string) *sqs.Client {
	return sqs.New(sqs.Options{
		Region:       "us-east-1",
		BaseEndpoint: aws.String("http://" + endpoint),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "chasqui", SecretAccessKey: "chasqui"}, nil
		}),
	})
}

func createQueue(t *testing.T, client *sqs.Client, name string, attributes map[string]string) *string {
	t.Helper()
	created, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
	require.NoError(t, err)
	return created.QueueUrl
}

// eventually waits for a condition that the cluster brings about.
func eventually(t *testing.T, within time.Duration, what string, condition func() bool) {
	t.Helper()
	require.Eventually(t, condition, within, 20*time.Millisecond, what)
}
