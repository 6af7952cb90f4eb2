//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/require"

	"chasqui/cmd/chasqui/cluster"
	"chasqui/node"
	"chasqui/node/real"
)

const (
	patience = 30 * time.Second // the longest wait for something that takes a second or two on an idle machine
	account  = "000000000000"
)

// This test binary is also the program: "up" starts os.Executable with a role's command line.
const programVariable = "CHASQUI_TEST_BINARY_IS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(programVariable) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// output collects what a command prints. It is safe for concurrent use.
type output struct {
	mu     sync.Mutex // guards buffer
	buffer bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buffer.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buffer.String()
}

// system is a running "dev" or "up".
type system struct {
	t       *testing.T
	address string
	stdout  *output
	stderr  *output
	cancel  context.CancelFunc
	ended   chan error
	sqs     *sqs.Client
}

func start(t *testing.T, address string, run func(ctx context.Context, g *global) error) *system {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s := &system{t: t, address: address, stdout: &output{}, stderr: &output{}, cancel: cancel, ended: make(chan error, 1)}
	go func() { s.ended <- run(ctx, &global{stdout: s.stdout, stderr: s.stderr}) }()
	t.Cleanup(func() { s.cancel() })
	s.sqs = sqs.New(sqs.Options{
		BaseEndpoint: aws.String("http://" + address), Region: "us-east-1",
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		}),
		RetryMaxAttempts: 10,
	})
	require.Eventually(t, func() bool {
		select {
		case err := <-s.ended:
			require.FailNow(t, "ended before it was ready", "%v\n%s", err, s.stderr)
		default:
		}
		return bytes.Contains([]byte(s.stdout.String()), []byte("chasqui is ready at http://"+address))
	}, patience, 10*time.Millisecond, "ready\n%s", s.stderr)
	return s
}

func (s *system) stop() {
	s.t.Helper()
	s.cancel()
	select {
	case err := <-s.ended:
		require.NoError(s.t, err)
	case <-time.After(patience):
		require.FailNow(s.t, "does not stop", s.stderr.String())
	}
}

func (s *system) context() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	s.t.Cleanup(cancel)
	return ctx
}

func (s *system) url() *string { return aws.String("http://" + s.address + "/" + account + "/hello") }

func (s *system) create() {
	s.t.Helper()
	_, err := s.sqs.CreateQueue(s.context(), &sqs.CreateQueueInput{QueueName: aws.String("hello")})
	require.NoError(s.t, err)
}

func (s *system) send(body string) {
	s.t.Helper()
	_, err := s.sqs.SendMessage(s.context(), &sqs.SendMessageInput{QueueUrl: s.url(), MessageBody: aws.String(body)})
	require.NoError(s.t, err)
}

// receive takes messages until it has n different bodies.
func (s *system) receive(n int) []string {
	s.t.Helper()
	ctx := s.context()
	seen := map[string]bool{}
	var bodies []string
	for len(bodies) < n {
		got, err := s.sqs.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: s.url(), MaxNumberOfMessages: 10, WaitTimeSeconds: 1})
		require.NoError(s.t, err)
		for _, message := range got.Messages {
			if !seen[*message.Body] {
				seen[*message.Body] = true
				bodies = append(bodies, *message.Body)
			}
		}
	}
	return bodies
}

func freeAddress(t *testing.T) string {
	t.Helper()
	host, err := real.New(real.Options{Name: "test"})
	require.NoError(t, err)
	listener, err := host.Network.Listen("127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return listener.Addr().String()
}

// status runs chasqui status and returns its report and exit code.
func status(t *testing.T, args ...string) (report, int) {
	t.Helper()
	var out bytes.Buffer
	err := run(append([]string{"status", "-o", "json"}, args...), &out, io.Discard, nil)
	code := 0
	if err != nil {
		var exit exitCode
		require.ErrorAs(t, err, &exit)
		code = int(exit)
	}
	var r report
	require.NoError(t, json.Unmarshal(out.Bytes(), &r))
	return r, code
}

// requireHealthy waits until all is well: what the metadata hosts know is up to two heartbeats behind.
func requireHealthy(t *testing.T, data string) {
	t.Helper()
	require.Eventually(t, func() bool {
		r, code := status(t, "--data", data)
		require.Equal(t, r.Healthy, code == 0)
		return r.Healthy
	}, patience, 50*time.Millisecond)
}

func TestDevKeepsMessagesOverARestart(t *testing.T) {
	command := devCommand{Data: t.TempDir(), Listen: freeAddress(t), Slots: 2, Cooldown: time.Minute}
	first := start(t, command.Listen, command.run)
	first.create()
	first.send("one")
	requireHealthy(t, command.Data)

	taken := devCommand{Data: t.TempDir(), Listen: command.Listen, Slots: 2}
	g := &global{stdout: io.Discard, stderr: io.Discard}
	err := taken.run(context.Background(), g)
	require.ErrorIs(t, err, node.ErrAddressInUse)
	require.ErrorContains(t, err, "--listen")
	inUse := devCommand{Data: command.Data, Listen: freeAddress(t), Slots: 2}
	err = inUse.run(context.Background(), g)
	require.ErrorIs(t, err, node.ErrLocked)
	require.ErrorContains(t, err, "--data")
	first.stop()

	second := start(t, command.Listen, command.run)
	second.send("two")
	require.ElementsMatch(t, []string{"one", "two"}, second.receive(2))
	second.stop()

	_, code := status(t, "--data", command.Data)
	require.Equal(t, 1, code)
	up := upCommand{Data: command.Data, Listen: command.Listen, Balancers: 1, Frontends: 1, Metadata: 1, Backends: 1, Slots: 2}
	require.ErrorContains(t, up.run(context.Background(), g), `data folder belongs to dev "dev", not to cluster "up"`)
}

func TestUpSurvivesTheDeathOfEveryRole(t *testing.T) {
	t.Setenv(programVariable, "1")
	command := upCommand{Data: t.TempDir(), Listen: freeAddress(t), Balancers: 2, Frontends: 2, Metadata: 3, Backends: 3, Slots: 2}
	s := start(t, command.Listen, command.run)
	s.create()
	s.send("first")
	t.Setenv("CHASQUI_ENDPOINT", "http://"+command.Listen)
	t.Setenv("CHASQUI_DATA", command.Data)
	require.Contains(t, console(t, "queue create lost -a ChasquiPartitions=5"), "/lost")
	require.Contains(t, console(t, "msg send lost --lines << a b c d e f g h i j k l"), "MESSAGE ID")
	require.Contains(t, console(t, "queue delete lost"), "deleted")
	for _, victim := range []string{"balancer-1", "frontend-1", "backend-1", "metadata-1"} {
		kill(t, command.Data, victim)
		s.send("after the death of " + victim)
	}
	require.Len(t, s.receive(5), 5)
	require.Equal(t, "restored lost, id 2\n", console(t, "queue restore lost"))
	require.Equal(t, 12+1, strings.Count(console(t, "msg receive lost -n 20 --wait 1s"), "\n"), "twelve messages and a header")
	requireHealthy(t, command.Data)
	file := load(t, command.Data)
	require.Equal(t, 1, file.Find("backend-1").Restarts)
	require.Equal(t, "signal: killed", file.Find("backend-1").LastExit)

	var members []string
	for _, p := range file.Of(cluster.Metadata) {
		members = append(members, p.RPC)
	}
	r, code := status(t, "--metadata", members[0]+","+members[1]+","+members[2])
	require.Equal(t, 0, code)
	require.Len(t, r.Hosts, 6)
	require.Len(t, r.Slots, 2)

	s.stop()
	for _, p := range load(t, command.Data).Processes {
		require.Zero(t, p.PID, p.ID)
	}
	require.Zero(t, load(t, command.Data).SupervisorPID)
}

func load(t *testing.T, data string) *cluster.File {
	t.Helper()
	host, err := real.New(real.Options{Name: "test", DataDir: data})
	require.NoError(t, err)
	file, err := cluster.Load(host.Disk)
	require.NoError(t, err)
	return file
}

func kill(t *testing.T, data, id string) {
	t.Helper()
	pid := load(t, data).Find(id).PID
	require.NotZero(t, pid)
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
}

func TestAStatusOfNothingMakesNoFolder(t *testing.T) {
	missing := t.TempDir() + "/missing"
	require.ErrorIs(t, run([]string{"status", "--data", missing}, io.Discard, io.Discard, nil), fs.ErrNotExist)
	_, err := os.Stat(missing)
	require.ErrorIs(t, err, fs.ErrNotExist)
}
