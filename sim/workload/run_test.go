package workload

import (
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"chasqui/linearizability"
	"chasqui/metadata"
	"chasqui/metadata/catalog"

	"github.com/stretchr/testify/require"
)

// drawn returns a plan for coroutines: the frontend starts goroutines for queues of several partitions.
func drawn(seed uint64) Plan {
	plan := Draw(rand.New(rand.NewPCG(seed, 7)), DefaultRate)
	for i := range plan.Queues {
		plan.Queues[i].Partitions = 1
	}
	return plan
}

// rehearsal is a run of coroutines against a system, up to its end.
type rehearsal struct {
	*Run
	plan   Plan
	system *system
	notes  *notes
	trace  []string // every request with its time

	requestsPerSecond float64       // while messages were produced
	drainedAfter      time.Duration // the end of all trouble
}

// rehearse produces for 40 s and then drains for at most two. A request meets trouble with the given probability,
// until ten seconds after the end of production.
func rehearse(t *testing.T, seed uint64, plan Plan, trouble float64) *rehearsal {
	t.Helper()
	m := newMachine(t, seed)
	h := &rehearsal{plan: plan, notes: &notes{}, system: newSystem(t, seed, m.Time, m.Sleep)}
	random := m.Random("trouble")
	m.service = func(r *http.Request) verdict {
		h.trace = append(h.trace, m.now.String()+" "+r.Header.Get("X-Amz-Target")+" "+r.Header.Get("Amz-Sdk-Invocation-Id"))
		execute := func() []byte {
			recorder := httptest.NewRecorder()
			h.system.ServeHTTP(recorder, r)
			return answer(recorder.Code, recorder.Body.String()).answer
		}
		latency := time.Duration(1+random.IntN(20)) * time.Millisecond
		if random.Float64() >= trouble {
			return verdict{after: latency, answer: execute()}
		}
		switch random.IntN(5) {
		case 0:
			return verdict{after: latency, err: errReset}
		case 1:
			execute()
			return verdict{after: latency, err: errReset}
		case 2:
			return answer(503, `{"__type":"com.amazonaws.sqs#ServiceUnavailable"}`)
		case 3:
			whole := execute()
			return verdict{after: latency, answer: whole[:random.IntN(len(whole))], err: io.ErrUnexpectedEOF}
		default:
			execute()
			return verdict{after: time.Hour}
		}
	}
	m.refuse = func() error {
		if random.Float64() < trouble {
			return errRefused
		}
		return nil
	}
	var err error
	h.Run, err = Start(Options{Env: func(int) Env { return m }, Hosts: 2, Endpoint: "sqs.test", Plan: plan, Recorder: h.notes, Console: func(int) Console {
		return &testConsole{system: h.system, trouble: func() bool { return random.Float64() < trouble }}
	}})
	require.NoError(t, err)
	m.until(40 * time.Second)
	require.False(t, h.Drained())
	h.requestsPerSecond = float64(h.Stats().Requests) / m.now.Seconds()
	h.StopProducing()
	m.until(m.now + 10*time.Second)
	trouble = 0
	for healed := m.now; h.drainedAfter < 2*time.Minute && !h.Drained(); h.drainedAfter = m.now - healed {
		m.until(m.now + time.Second)
	}
	m.until(m.now + time.Minute)
	return h
}

// settled checks what must be so after every run.
func (h *rehearsal) settled(t *testing.T) {
	t.Helper()
	require.True(t, h.Drained(), "undrained: %v, outstanding: %v", h.Undrained(), h.Outstanding())
	require.Less(t, h.drainedAfter, time.Minute)
	require.Zero(t, h.Running())
	require.Empty(t, h.Outstanding())
	require.Empty(t, h.Undrained())
	require.Empty(t, h.Violations())
	require.Zero(t, h.system.stored(t, &h.plan), "drained means empty")
	verdict := linearizability.Check(h.notes.operations, linearizability.Options{Drained: true, StrictStandard: true, Queues: h.plan.Described()})
	require.Empty(t, verdict.Violations)
	byThread := map[string]int64{}
	batches := map[int]string{}
	for i, o := range h.notes.operations {
		require.True(t, h.notes.ended[i], "operation %d", i)
		require.LessOrEqual(t, o.Call, o.Return)
		if batches[o.Batch] != o.Client {
			require.GreaterOrEqual(t, o.Call, byThread[o.Client], "one operation at a time")
		}
		byThread[o.Client] = max(byThread[o.Client], o.Return)
		if o.Batch > 0 {
			require.Contains(t, []string{"", o.Client}, batches[o.Batch])
			batches[o.Batch] = o.Client
		}
		for _, m := range o.Messages {
			require.False(t, m.DamagedBody)
		}
	}
}

// testConsole carries out the command to restore a queue. When there is trouble its process is killed: too early, too late, or
// while its request is on the way.
type testConsole struct {
	system  *system
	trouble func() bool
}

func (c *testConsole) Run(env Env, arguments []string, patience time.Duration) Ending {
	const latency = 40 * time.Millisecond
	env.Sleep(latency)
	if c.trouble() || patience > 0 && patience < latency {
		return Ending{}
	}
	_, err := c.system.change(&catalog.Command{Kind: catalog.KindRestoreQueue, Account: account, Name: arguments[2]})
	switch {
	case c.trouble():
		return Ending{}
	case errors.Is(err, metadata.ErrNameTaken):
		return Ending{Exited: true, Code: 1, Said: "queue q " + saysTaken}
	case err != nil:
		return Ending{Exited: true, Code: 1, Said: err.Error()}
	case c.trouble():
		return Ending{Exited: true, Code: 1, Said: "queue q " + saysRestored}
	}
	return Ending{Exited: true}
}

func TestRunsDrain(t *testing.T) {
	for seed := range uint64(3) {
		for _, trouble := range []float64{0, 0.1} {
			h := rehearse(t, seed, drawn(seed), trouble)
			h.settled(t)
			s := h.Stats()
			t.Logf("seed %d, trouble %v: %.0f requests/s, drained after %v: %+v", seed, trouble, h.requestsPerSecond, h.drainedAfter, s)
			require.Greater(t, s.Number(linearizability.Send, linearizability.OK), 150, "seed %d", seed)
			require.Equal(t, trouble > 0, s.Number(linearizability.Send, linearizability.Unknown)+s.Retries > 0)
			if trouble == 0 {
				require.Zero(t, s.Retries)
				require.Zero(t, s.Number(linearizability.Receive, linearizability.Unknown))
				require.InDelta(t, DefaultRate, h.requestsPerSecond, DefaultRate*0.6)
			}
		}
	}
}

func TestTheSameSeedMakesTheSameRequests(t *testing.T) {
	text := func(seed uint64) (text string) {
		// In a bubble, where the deadlines of the frontend's contexts never come: on a busy machine they might.
		synctest.Test(t, func(t *testing.T) {
			h := rehearse(t, seed, drawn(3), 0.1)
			b, err := json.Marshal([]any{h.notes.operations, h.Stats(), h.trace})
			require.NoError(t, err)
			text = string(b)
		})
		return text
	}
	first := text(3)
	require.True(t, first == text(3), "two runs of one seed differ")
	require.False(t, first == text(4), "another seed makes the same run")
}

// TestALostMessageIsOutstanding has a service that acknowledges one send without keeping it.
func TestALostMessageIsOutstanding(t *testing.T) {
	m := newMachine(t, 1)
	system := newSystem(t, 1, m.Time, m.Sleep)
	sends := 0
	m.service = func(r *http.Request) verdict {
		if r.Header.Get("X-Amz-Target") == "AmazonSQS.SendMessage" {
			if sends++; sends == 20 {
				var request struct{ MessageBody string }
				require.NoError(t, json.NewDecoder(r.Body).Decode(&request))
				return answer(200, `{"MessageId":"lost","MD5OfMessageBody":"`+digest(request.MessageBody)+`"}`)
			}
		}
		recorder := httptest.NewRecorder()
		system.ServeHTTP(recorder, r)
		return answer(recorder.Code, recorder.Body.String())
	}
	plan := standardPlan()
	plan.Producers[0].BatchMax = 1
	run, err := Start(Options{Env: func(int) Env { return m }, Hosts: 1, Endpoint: "sqs.test", Plan: plan, Recorder: &notes{}})
	require.NoError(t, err)
	m.until(10 * time.Second)
	run.StopProducing()
	m.until(2 * time.Minute)
	require.False(t, run.Drained())
	require.Equal(t, []string{"q"}, run.Undrained())
	require.Len(t, run.Outstanding(), 1)
	missing := run.Outstanding()[0]
	require.Equal(t, "lost", missing.MessageID)
	require.Equal(t, "producer-0/20.0", missing.Token)
	require.Equal(t, 1, run.Running())
	run.Stop()
	m.until(3 * time.Minute)
	require.Zero(t, run.Running())
	require.False(t, run.Drained())
}

// TestAnswersThatCannotBe has a service that answers one action wrongly.
func TestAnswersThatCannotBe(t *testing.T) {
	const created = `{"QueueUrl":"http://sqs.test/000000000000/q"}`
	body := newBody("somebody/1.0", 40, rand.New(rand.NewPCG(1, 1)))
	quoted, err := json.Marshal(body)
	require.NoError(t, err)
	message := func(body, md5 string) string {
		return `{"MessageId":"m","ReceiptHandle":"h","Body":` + body + `,"MD5OfBody":"` + md5 +
			`","Attributes":{"ApproximateReceiveCount":"1","SentTimestamp":"5"}}`
	}
	for name, test := range map[string]struct {
		action, answer, want string
		damaged              bool
	}{
		"no JSON":         {"SendMessage", `<html>`, "SendMessage was answered with what is not its answer", false},
		"no id":           {"SendMessage", `{}`, "was answered without a message id", false},
		"other digest":    {"SendMessage", `{"MessageId":"m","MD5OfMessageBody":"00"}`, "with the digest of another body", false},
		"entry missing":   {"DeleteMessageBatch", `{"Successful":[{"Id":"0"}]}`, "without entry 1", false},
		"entry twice":     {"DeleteMessageBatch", `{"Successful":[{"Id":"0"},{"Id":"1"},{"Id":"1"}]}`, `with entry "1" out of place`, false},
		"too many":        {"ReceiveMessage", `{"Messages":[` + message(string(quoted), digest(body)) + `,` + message(string(quoted), digest(body)) + `,` + message(string(quoted), digest(body)) + `]}`, "3 messages came when 2 were asked for", false},
		"no attributes":   {"ReceiveMessage", `{"Messages":[{"MessageId":"m","Body":` + string(quoted) + `,"MD5OfBody":"` + digest(body) + `"}]}`, `ApproximateReceiveCount ""`, false},
		"damaged body":    {"ReceiveMessage", `{"Messages":[` + message(`"somebody/1.0 00000000 x"`, digest("somebody/1.0 00000000 x")) + `]}`, "", true},
		"damaged digest":  {"ReceiveMessage", `{"Messages":[` + message(string(quoted), digest("other")) + `]}`, "", true},
		"undamaged":       {"ReceiveMessage", `{"Messages":[` + message(string(quoted), digest(body)) + `]}`, "", false},
		"created nothing": {"CreateQueue", `{}`, "CreateQueue answered without a URL", false},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t, 1)
			m.service = func(r *http.Request) verdict {
				switch action := r.Header.Get("X-Amz-Target")[len("AmazonSQS."):]; action {
				case test.action:
					return answer(200, test.answer)
				case "CreateQueue":
					return answer(200, created)
				case "ReceiveMessage":
					return answer(200, `{"Messages":[`+message(string(quoted), digest(body))+`,`+message(string(quoted), digest(body))+`]}`)
				case "DeleteMessageBatch":
					return answer(200, `{"Successful":[{"Id":"0"},{"Id":"1"}]}`)
				default:
					return answer(503, "")
				}
			}
			plan := standardPlan()
			plan.Producers[0].BatchMax, plan.Consumers[0].Max, plan.Consumers[0].BatchDelete, plan.Keepers = 1, 2, true, nil
			n := &notes{}
			run, err := Start(Options{Env: func(int) Env { return m }, Hosts: 1, Endpoint: "sqs.test", Plan: plan, Recorder: n})
			require.NoError(t, err)
			m.until(5 * time.Second)
			if test.want == "" {
				require.Empty(t, run.Violations())
			} else {
				require.NotEmpty(t, run.Violations())
				require.Contains(t, run.Violations()[0], test.want)
			}
			for _, o := range n.operations {
				for _, message := range o.Messages {
					require.Equal(t, test.damaged, message.DamagedBody)
				}
			}
		})
	}
}

// TestServicesThatForget has services that forget a queue, an attribute, or whose handle it is that they are given.
func TestServicesThatForget(t *testing.T) {
	body := newBody("somebody/1.0", 40, rand.New(rand.NewPCG(1, 1)))
	quoted, err := json.Marshal(body)
	require.NoError(t, err)
	received := `{"Messages":[{"MessageId":"m","ReceiptHandle":"h","Body":` + string(quoted) + `,"MD5OfBody":"` + digest(body) +
		`","Attributes":{"ApproximateReceiveCount":"1","SentTimestamp":"5"}}]}`
	const refused = `{"__type":"com.amazonaws.sqs#ReceiptHandleIsInvalid"}`
	for name, test := range map[string]struct {
		action string
		answer func(status *int, set string) string // set is the value of the latest change
		want   string
	}{
		"the queue": {"SendMessage", func(status *int, _ string) string {
			*status = 400
			return `{"__type":"com.amazonaws.sqs#QueueDoesNotExist"}`
		}, "does not exist"},
		"a change":   {"GetQueueAttributes", func(*int, string) string { return `{"Attributes":{"MessageRetentionPeriod":"345600"}}` }, "was read as"},
		"a handle":   {"DeleteMessage", func(status *int, _ string) string { *status = 200; return `{}` }, "a handle of this queue deletes in queue other"},
		"nothing":    {"", nil, ""},
		"its answer": {"GetQueueAttributes", func(status *int, _ string) string { *status = 503; return "" }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t, 1)
			set := ""
			m.service = func(r *http.Request) verdict {
				action := r.Header.Get("X-Amz-Target")[len("AmazonSQS."):]
				status, text := 200, `{"MessageId":"m","MD5OfMessageBody":"`+digest(body)+`"}`
				switch action {
				case "CreateQueue":
					text = `{"QueueUrl":"http://sqs.test/000000000000/q"}`
				case "ReceiveMessage":
					text = received
				case "SetQueueAttributes":
					var request setAttributesRequest
					require.NoError(t, json.NewDecoder(r.Body).Decode(&request))
					set, text = request.Attributes[changedAttribute], `{}`
				case "GetQueueAttributes":
					text = `{"Attributes":{"MessageRetentionPeriod":"` + set + `"}}`
				case "SendMessage":
					status, text = 503, ""
				case "DeleteMessage":
					status, text = 404, refused
				}
				if action == test.action {
					text = test.answer(&status, set)
				}
				return answer(status, text)
			}
			plan := Plan{
				Queues:    []Queue{{Name: "q", VisibilitySeconds: 30}, {Name: "other", VisibilitySeconds: 30}},
				Producers: []Producer{{Queue: "q", Rate: 5, BatchMax: 1, BodyBytesMin: 40, BodyBytesMax: 40}},
				Consumers: []Consumer{{Queue: "q", Max: 1, ThinkMs: 10, Forget: 1, Stray: 1}, {Queue: "other", Max: 1, ThinkMs: 10, Forget: 1}},
				Keepers:   []Keeper{{Queue: "q", EveryMs: 100, Change: 0.5}},
			}
			run, err := Start(Options{Env: func(int) Env { return m }, Hosts: 1, Endpoint: "sqs.test", Plan: plan, Recorder: &notes{}})
			require.NoError(t, err)
			m.until(10 * time.Second)
			if test.want == "" {
				require.Empty(t, run.Violations())
				return
			}
			require.NotEmpty(t, run.Violations())
			require.Contains(t, run.Violations()[0], test.want)
		})
	}
}

// TestRunOnGoroutines runs plans on goroutines and the frontend's own HTTP server, with queues of several partitions.
func TestRunOnGoroutines(t *testing.T) {
	for seed := range uint64(2) {
		synctest.Test(t, func(t *testing.T) {
			system := newSystem(t, seed, time.Now, time.Sleep)
			listener := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
			var threads sync.WaitGroup
			threads.Go(func() { require.NoError(t, system.Serve(listener)) })
			env := &goroutines{start: time.Now(), seed: seed, listener: listener, threads: &threads}
			plan := Draw(rand.New(rand.NewPCG(seed, 1)), DefaultRate)
			plan.Queues[0].Partitions = 3
			// Time stands still while goroutines run, so the recorder's clock shows the order of its calls.
			reads := int64(0)
			recorder := linearizability.NewRecorder(func() int64 {
				reads++
				return int64(env.Now()) + reads
			})
			run, err := Start(Options{Env: func(int) Env { return env }, Hosts: 3, Endpoint: "sqs.test", Plan: plan, Recorder: recorder})
			require.NoError(t, err)
			time.Sleep(20 * time.Second)
			run.StopProducing()
			for waited := 0; waited < 120 && !run.Drained(); waited++ {
				time.Sleep(time.Second)
			}
			require.True(t, run.Drained(), "undrained: %v, outstanding: %v", run.Undrained(), run.Outstanding())
			require.Empty(t, run.Violations())
			require.Zero(t, system.stored(t, &plan))
			stats := run.Stats()
			require.Greater(t, stats.Number(linearizability.Send, linearizability.OK), 100)
			require.Zero(t, stats.Number(linearizability.Send, linearizability.Unknown))
			system.Close()
			threads.Wait()
			require.Zero(t, run.Running())
			verdict := linearizability.Check(recorder.History(), linearizability.Options{Drained: true, StrictStandard: true, Queues: plan.Described()})
			require.Empty(t, verdict.Violations)
			require.Positive(t, verdict.Checked[linearizability.Lost])
		})
	}
}

// goroutines is an Env of goroutines with connections in memory.
type goroutines struct {
	start    time.Time
	seed     uint64
	listener *pipes
	threads  *sync.WaitGroup
}

var _ Env = (*goroutines)(nil)

func (g *goroutines) Now() time.Duration              { return time.Since(g.start) }
func (g *goroutines) Time() time.Time                 { return time.Now() }
func (g *goroutines) Sleep(d time.Duration)           { time.Sleep(d) }
func (g *goroutines) Go(_ string, f func())           { g.threads.Go(f) }
func (g *goroutines) Lookup(string) ([]string, error) { return []string{"10.0.0.1:80"}, nil }
func (g *goroutines) Random(stream string) *rand.Rand {
	return (&machine{seed: g.seed}).Random(stream)
}

func (g *goroutines) Dial(string, time.Duration) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case g.listener.conns <- far:
		return near, nil
	case <-g.listener.closed:
		return nil, errors.New("closed")
	}
}

// pipes is a listener for connections in memory.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }
