package workload

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	"chasqui/linearizability"
)

// thread is one producer, consumer, keeper, mover or administrator: it does one thing at a time, on one queue, and records it.
type thread struct {
	run    *Run
	env    Env
	random *rand.Rand
	client *client
	name   string
	queue  *Queue
	url    string // of the queue, from the service
	// mortal says that the queue may be gone at times: somebody deletes it.
	mortal bool
	// drains says that the thread goes on while the queues are drained.
	drains bool
}

// open are operations that have begun: one, or the entries of a batch.
type open struct {
	kind linearizability.Kind
	ids  []int
}

// begin records operations that one request stands for.
func (t *thread) begin(operations ...linearizability.Operation) open {
	o := open{kind: operations[0].Kind}
	batch := 0
	if len(operations) > 1 {
		batch = t.run.newBatch()
	}
	for _, operation := range operations {
		operation.Client, operation.Queue, operation.Batch = t.name, cmp.Or(operation.Queue, t.queue.Name), batch
		operation.Call = int64(t.env.Now())
		o.ids = append(o.ids, t.run.recorder.Begin(operation))
	}
	return o
}

// end records what came of the i-th operation. finish fills in the output; it may be nil.
func (t *thread) end(o open, i int, r *reply, outcome linearizability.Outcome, code string, finish func(*linearizability.Operation)) {
	now := int64(t.env.Now())
	t.run.recorder.End(o.ids[i], func(operation *linearizability.Operation) {
		operation.Return, operation.Outcome, operation.Error = now, outcome, code
		if r.tries > 1 {
			operation.Tries = r.tries
		}
		if finish != nil {
			finish(operation)
		}
	})
	t.run.count(o.kind, outcome)
}

// call makes a request and decodes its answer. An answer of success that is not what the action answers leaves the
// outcome unknown, and is a violation. answer is nil for actions without one.
func (t *thread) call(action string, request any, wait time.Duration, answer any) reply {
	body, err := json.Marshal(request)
	if err != nil {
		panic(fmt.Sprintf("a request of %s cannot be written: %v", action, err)) // it consists of strings and numbers
	}
	r := t.client.call(action, body, wait)
	t.run.requests(&r)
	if r.outcome == linearizability.Failed && r.code == noSuchQueue && t.url != "" && !t.mortal {
		t.violation("%s was told that the queue does not exist, after its creation was acknowledged", action)
	}
	if r.outcome != linearizability.OK || answer == nil {
		return r
	}
	if err := json.Unmarshal(r.body, answer); err != nil {
		t.violation("%s was answered with what is not its answer: %v", action, err)
		r.outcome, r.code = linearizability.Unknown, "answer is malformed"
	}
	return r
}

// violation notes an answer that no correct service gives.
func (t *thread) violation(format string, values ...any) {
	t.run.violation(fmt.Sprintf("%v %s on %s: ", t.env.Now(), t.name, t.queue.Name) + fmt.Sprintf(format, values...))
}

// createQueue makes the thread's queue, trying until the service says that it is there or the run moves on.
func (t *thread) createQueue() bool {
	for t.working() {
		if t.createDeadLetter() && t.create() {
			t.run.created(t.queue.Name)
			return true
		}
		t.env.Sleep(t.jitter(createPause))
	}
	return false
}

// createPause is the mean time between two attempts at making a queue.
const createPause = 500 * time.Millisecond

func (t *thread) create() bool {
	url := t.createOne(t.queue)
	if url != "" {
		t.url = url
	}
	return url != ""
}

// createDeadLetter makes the dead-letter queue that the thread's queue names, which must be there first.
func (t *thread) createDeadLetter() bool {
	return t.queue.DeadLetter == "" || t.createOne(t.run.options.Plan.queue(t.queue.DeadLetter)) != ""
}

// createOne makes a queue and returns its URL, or nothing if it is not certain that it is there.
func (t *thread) createOne(q *Queue) (url string) {
	attributes := q.attributes()
	o := t.begin(linearizability.Operation{Kind: linearizability.CreateQueue, Queue: q.Name, Attributes: attributes})
	var answer createAnswer
	r := t.call("CreateQueue", createRequest{QueueName: q.Name, Attributes: attributes}, 0, &answer)
	t.end(o, 0, &r, r.outcome, r.code, nil)
	if r.outcome != linearizability.OK {
		return ""
	}
	if answer.QueueURL == "" {
		t.violation("CreateQueue answered without a URL")
	}
	return answer.QueueURL
}

// change makes a request about the queue as a whole that has no answer.
func (t *thread) change(kind linearizability.Kind, action string, request any, attributes map[string]string) reply {
	o := t.begin(linearizability.Operation{Kind: kind, Attributes: attributes})
	r := t.call(action, request, 0, nil)
	t.end(o, 0, &r, r.outcome, r.code, nil)
	return r
}

// working tells whether the thread has to go on: consumers until the queues are drained, others only while messages are
// produced.
func (t *thread) working() bool {
	switch t.run.phase() {
	case producing:
		return true
	case draining:
		return t.drains
	default:
		return false
	}
}

// jitter returns a random duration with the given mean, at most twice that.
func (t *thread) jitter(mean time.Duration) time.Duration {
	return time.Duration(t.random.Float64() * 2 * float64(mean))
}

// exponential returns a random duration with the given mean, at most ten times that.
func (t *thread) exponential(mean time.Duration) time.Duration {
	return time.Duration(min(t.random.ExpFloat64(), 10) * float64(mean))
}

func (t *thread) chance(p float64) bool { return t.random.Float64() < p }
