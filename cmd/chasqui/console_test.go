//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/require"

	"chasqui/node/nodetest"
)

var update = flag.Bool("update", false, "rewrite the output in testdata/*.txt")

// TestConsole plays testdata/console.txt against "chasqui dev". A line that begins with "$ chasqui" is a command; what
// it printed follows, indented: its output first, then "stderr:" with what went there, then "error:" with why it ended so.
// Words after "<<" are the lines of its standard input. Ids, handles, times and addresses, which differ from run to run,
// are written as words in capitals.
func TestConsole(t *testing.T) {
	dev := devCommand{Data: t.TempDir(), Listen: freeAddress(t), Slots: 1, Cooldown: 0, RestoreWindow: time.Hour}
	system := start(t, dev.Listen, dev.run)
	defer system.stop()
	t.Setenv("CHASQUI_ENDPOINT", "http://"+dev.Listen)
	t.Setenv("CHASQUI_DATA", dev.Data)
	const file = "testdata/console.txt"
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	var got strings.Builder
	mask := newMask(dev.Listen, dev.Data)
	for line := range strings.Lines(string(want)) {
		if strings.HasPrefix(line, "    ") {
			continue // the output of an earlier run
		}
		got.WriteString(line)
		if command, ok := strings.CutPrefix(strings.TrimSpace(line), "$ chasqui "); ok {
			for output := range strings.Lines(mask.text(console(t, mask.words(command)))) {
				got.WriteString(strings.TrimRight("    "+output, " \n") + "\n")
			}
		}
	}
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(got.String()), 0o644))
		return
	}
	require.Equal(t, string(want), got.String())
}

// TestARestoredQueueAfterARestart: what can be restored is on disk, on either side. And the switches of frontends arrive.
func TestARestoredQueueAfterARestart(t *testing.T) {
	dev := devCommand{Data: t.TempDir(), Listen: freeAddress(t), Slots: 1, Cooldown: time.Minute, RestoreWindow: time.Hour,
		NoDeleteQueue: true, CreateQueues: true}
	t.Setenv("CHASQUI_ENDPOINT", "http://"+dev.Listen)
	t.Setenv("CHASQUI_DATA", dev.Data)
	first := start(t, dev.Listen, dev.run)
	require.Contains(t, console(t, "msg send http://"+dev.Listen+"/000000000000/made a b"), "MESSAGE ID", "the send creates")
	require.Contains(t, console(t, "queue delete made"), "DeleteQueue is switched off here")
	require.Contains(t, console(t, "queue delete made --admin"), "it can be restored until")
	require.NotContains(t, console(t, "queue ls"), "made")
	require.Contains(t, console(t, "msg send http://"+dev.Listen+"/000000000000/made c"), "QueueDeletedRecently", "a late send does not make it again")
	first.stop()

	second := start(t, dev.Listen, dev.run)
	require.Contains(t, console(t, "queue ls --deleted"), "made")
	require.Equal(t, "restored made, id 1\n", console(t, "queue restore made"))
	require.Regexp(t, `(?s)  a\n.*  b\n$`, console(t, "msg receive made -n 10"))
	second.stop()
}

// console carries out a command line and returns everything it printed.
func console(t *testing.T, command string) string {
	t.Helper()
	command, stdin, _ := strings.Cut(command, " <<")
	var out, errors bytes.Buffer
	cli := commands{global: global{
		stdin: strings.NewReader(strings.Join(strings.Fields(stdin), "\n")), stdout: &out, stderr: &errors,
	}}
	parser, err := newParser(&cli, func(int) {})
	require.NoError(t, err)
	ctx, err := parser.Parse(words(command))
	if err == nil {
		err = ctx.Run(&cli.global)
	}
	text := out.String()
	if errors.Len() > 0 {
		text += "stderr: " + errors.String()
	}
	if err != nil {
		text += "error: " + err.Error() + "\n"
	}
	return text
}

// words splits a command line as a shell does that knows single quotes only.
func words(command string) []string {
	var list []string
	for i, part := range strings.Split(command, "'") {
		if i%2 == 1 {
			list = append(list, part)
			continue
		}
		list = append(list, strings.Fields(part)...)
	}
	return list
}

// mask puts words in the place of what differs from run to run, and keeps the latest of each for the commands that follow.
type mask struct {
	fixed  *strings.Replacer
	latest map[string]string
}

// masked are the patterns, in the order in which they are looked for.
var masked = []struct {
	word    string
	pattern *regexp.Regexp
}{
	{"UUID", regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)},
	{"HANDLE", regexp.MustCompile(`\bAQAAA[A-Za-z0-9_-]{47}`)},
	{"TIME", regexp.MustCompile(`20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`)},
	{"STAMP", regexp.MustCompile(`\b1[789]\d{8}(\d{3})?\b`)},
}

func newMask(address, data string) *mask {
	return &mask{fixed: strings.NewReplacer(address, "ADDRESS", data, "FOLDER"), latest: map[string]string{}}
}

func (m *mask) text(text string) string {
	text = m.fixed.Replace(text)
	for _, row := range masked {
		text = row.pattern.ReplaceAllStringFunc(text, func(found string) string {
			m.latest[row.word] = found
			return row.word
		})
	}
	return aligned.ReplaceAllString(text, "  ")
}

// aligned are the blanks between columns, as many as the longest masked text wants.
var aligned = regexp.MustCompile(`(?:\b|") {2,}`)

func (m *mask) words(command string) string {
	for word, value := range m.latest {
		command = strings.ReplaceAll(command, word, value)
	}
	return command
}

// fakeTasks is a service with one move task, which moves ten messages between one question and the next.
type fakeTasks struct {
	moved, toMove int64
	status        string
	failAt        int64
	cancelled     []string
	started       []*sqs.StartMessageMoveTaskInput
}

func (f *fakeTasks) StartMessageMoveTask(_ context.Context, in *sqs.StartMessageMoveTaskInput, _ ...func(*sqs.Options)) (*sqs.StartMessageMoveTaskOutput, error) {
	f.started, f.status = append(f.started, in), taskRunning
	return &sqs.StartMessageMoveTaskOutput{TaskHandle: aws.String("handle")}, nil
}

func (f *fakeTasks) ListMessageMoveTasks(context.Context, *sqs.ListMessageMoveTasksInput, ...func(*sqs.Options)) (*sqs.ListMessageMoveTasksOutput, error) {
	if f.status == "" {
		return &sqs.ListMessageMoveTasksOutput{}, nil
	}
	entry := types.ListMessageMoveTasksResultEntry{ApproximateNumberOfMessagesToMove: &f.toMove}
	if f.status == taskRunning {
		f.moved = min(f.moved+10, f.toMove)
		switch {
		case f.failAt > 0 && f.moved >= f.failAt:
			f.status, entry.FailureReason = "FAILED", aws.String("AWS.SimpleQueueService.NonExistentQueue")
		case f.moved == f.toMove:
			f.status = taskCompleted
		default:
			entry.TaskHandle = aws.String("handle")
		}
	}
	entry.Status, entry.ApproximateNumberOfMessagesMoved = aws.String(f.status), f.moved
	return &sqs.ListMessageMoveTasksOutput{Results: []types.ListMessageMoveTasksResultEntry{entry}}, nil
}

func (f *fakeTasks) CancelMessageMoveTask(_ context.Context, in *sqs.CancelMessageMoveTaskInput, _ ...func(*sqs.Options)) (*sqs.CancelMessageMoveTaskOutput, error) {
	f.cancelled, f.status = append(f.cancelled, *in.TaskHandle), "CANCELLED"
	return &sqs.CancelMessageMoveTaskOutput{ApproximateNumberOfMessagesMoved: f.moved}, nil
}

func TestRedriveShowsHowFarItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var progress bytes.Buffer
		tasks := &fakeTasks{toMove: 25}
		r := redrive{tasks: tasks, clock: nodetest.RealHost(t).Clock, progress: &progress, queue: "dead"}
		input := &sqs.StartMessageMoveTaskInput{SourceArn: aws.String("arn"), MaxNumberOfMessagesPerSecond: aws.Int32(5)}
		line, err := r.run(t.Context(), input, false)
		require.NoError(t, err)
		require.Equal(t, "RUNNING: moved 10 of about 25\nRUNNING: moved 20 of about 25\nCOMPLETED: moved 25 of about 25\n", progress.String())
		require.Equal(t, "COMPLETED: moved 25 of about 25", line.text())
		require.Equal(t, []*sqs.StartMessageMoveTaskInput{input}, tasks.started)

		// Nothing is left to stop.
		_, err = r.cancel(t.Context(), input.SourceArn)
		require.EqualError(t, err, "no redrive is running: the last of dead is COMPLETED after 25 messages")

		// One that fails says why; the reason is not lost to the last look.
		tasks.moved, tasks.failAt = 0, 20
		line, err = r.run(t.Context(), input, false)
		require.NoError(t, err)
		require.Equal(t, redriveLine{Status: "FAILED", Moved: 20, ToMove: aws.Int64(25), Failure: "AWS.SimpleQueueService.NonExistentQueue"}, *line)
	})
}

func TestRedriveIsLeftAndStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tasks := &fakeTasks{toMove: 1000}
		r := redrive{tasks: tasks, clock: nodetest.RealHost(t).Clock, progress: &bytes.Buffer{}, queue: "dead"}
		_, err := r.cancel(t.Context(), aws.String("arn"))
		require.ErrorContains(t, err, "the service knows of none of dead")
		input := &sqs.StartMessageMoveTaskInput{SourceArn: aws.String("arn")}
		ctx, interrupt := context.WithTimeout(t.Context(), 3*progressInterval+progressInterval/2)
		defer interrupt()
		_, err = r.run(ctx, input, false)
		require.EqualError(t, err, "interrupted: the redrive of dead goes on; chasqui dlq cancel dead stops it")
		moved, err := r.cancel(t.Context(), aws.String("arn"))
		require.NoError(t, err)
		require.EqualValues(t, 40, moved)
		require.Equal(t, []string{"handle"}, tasks.cancelled)

		line, err := r.run(t.Context(), input, true)
		require.NoError(t, err)
		require.Equal(t, redriveLine{Status: taskRunning, TaskHandle: "handle"}, *line)
	})
}

func TestErrorsSayWhatToDo(t *testing.T) {
	c := &connection{endpoint: "http://a:1"}
	require.EqualError(t, c.explain("q", &types.QueueDoesNotExist{Message: aws.String("It is not."), ErrorCodeOverride: aws.String("AWS.SimpleQueueService.NonExistentQueue")}),
		"q: It is not. (AWS.SimpleQueueService.NonExistentQueue): chasqui queue ls shows the queues there are, chasqui queue ls --deleted those that can be restored")
	require.EqualError(t, c.explain("q", &types.OverLimit{Message: aws.String("Too many.")}), "q: Too many. (OverLimit)")
	require.EqualError(t, c.explain("q", errors.New("odd")), "q: ask http://a:1: odd")
	nobody := freeAddress(t)
	require.EqualError(t, run([]string{"queue", "ls", "--endpoint=http://" + nobody}, &bytes.Buffer{}, &bytes.Buffer{}, nil),
		fmt.Sprintf("no service answers at http://%s: start one with \"chasqui dev\", or name another with --endpoint", nobody))
	require.ErrorContains(t, run([]string{"queue", "restore", "q", "--data=" + t.TempDir()}, &bytes.Buffer{}, &bytes.Buffer{}, nil),
		"holds no cluster: give its folder with --data, or the metadata hosts with --metadata")
}

// Flags of a command stand in the file below it, or below a command of its own.
func TestConfigOfNestedCommands(t *testing.T) {
	cli, err := parse(t, "queue", "ls", "--config="+writeConfig(t, "timeout: 7s\nqueue: {endpoint: 'http://a:1', ls: {counts: true, output: json}}"))
	require.NoError(t, err)
	require.Equal(t, "http://a:1", cli.Queue.Endpoint)
	require.Equal(t, 7*time.Second, cli.Queue.Timeout)
	require.True(t, cli.Queue.Ls.Counts)
	// The variables of the AWS tools count too, and ours count more.
	t.Setenv("AWS_ENDPOINT_URL_SQS", "http://b:1")
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	cli, err = parse(t, "msg", "receive", "q")
	require.NoError(t, err)
	require.Equal(t, "http://b:1", cli.Msg.Endpoint)
	require.Equal(t, "key", cli.Msg.AccessKey)
	t.Setenv("CHASQUI_ENDPOINT", "http://c:1")
	cli, err = parse(t, "msg", "receive", "q")
	require.NoError(t, err)
	require.Equal(t, "http://c:1", cli.Msg.Endpoint)
}
