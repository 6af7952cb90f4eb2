package workload

import (
	"strconv"
	"time"

	"chasqui/linearizability"
)

// keeper looks after a queue: it reads and changes attributes, and empties or replaces queues that nobody depends on.
type keeper struct {
	*Keeper
	number  int // of the keeper in its plan
	changes int
}

// The attribute that keepers change, and its values: retention periods, in seconds, so long that they never end, each
// of them set once in a run. A reader who sees one knows which change it saw.
const (
	changedAttribute = "MessageRetentionPeriod"
	retentionFirst   = 400_000
	retentionsEach   = 20_000 // values of one keeper; 40 keepers fit under SQS's limit of 1,209,600
)

// replacePause is the mean time between the delete of a queue and its new beginning.
const replacePause = 2 * time.Second

func (k *keeper) run(t *thread) {
	if !t.createQueue() {
		return
	}
	for {
		t.env.Sleep(t.exponential(time.Duration(k.EveryMs) * time.Millisecond))
		if !t.working() {
			return
		}
		dice := t.random.Float64()
		switch {
		case dice < k.Change && k.changes < retentionsEach:
			value := retentionFirst + k.number*retentionsEach + k.changes
			k.changes++
			attributes := map[string]string{changedAttribute: strconv.Itoa(value)}
			t.change(linearizability.SetAttributes, "SetQueueAttributes", setAttributesRequest{QueueURL: t.url, Attributes: attributes}, attributes)
		case dice < k.Change:
		case dice < k.Change+k.Purge:
			t.change(linearizability.PurgeQueue, "PurgeQueue", queueRequest{QueueURL: t.url}, nil)
		case dice < k.Change+k.Purge+k.Replace:
			k.replace(t)
		default:
			k.read(t)
		}
	}
}

// replace deletes the queue and makes it anew. SQS refuses the name for 60 s; a cluster may be set to less.
func (k *keeper) replace(t *thread) {
	t.change(linearizability.DeleteQueue, "DeleteQueue", queueRequest{QueueURL: t.url}, nil)
	for t.working() {
		t.env.Sleep(t.jitter(replacePause))
		if t.create() {
			return
		}
	}
}

// read reads all attributes.
func (k *keeper) read(t *thread) {
	o := t.begin(linearizability.Operation{Kind: linearizability.GetAttributes})
	var answer attributesAnswer
	r := t.call("GetQueueAttributes", getAttributesRequest{QueueURL: t.url, AttributeNames: []string{"All"}}, 0, &answer)
	t.end(o, 0, &r, r.outcome, r.code, func(operation *linearizability.Operation) {
		if r.outcome == linearizability.OK {
			operation.Values = answer.Attributes
		}
	})
}
