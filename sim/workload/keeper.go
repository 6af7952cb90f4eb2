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
	// alone says that no other keeper changes the queue. Then settled is the number of its latest change that was
	// acknowledged, 0 if there is none since the queue was made, and late has the changes of which a try may still be on its
	// way.
	alone   bool
	settled int
	late    map[int]bool
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
			k.changes++
			attributes := map[string]string{changedAttribute: strconv.Itoa(k.value(k.changes))}
			r := t.change(linearizability.SetAttributes, "SetQueueAttributes", setAttributesRequest{QueueURL: t.url, Attributes: attributes}, attributes)
			if r.outcome == linearizability.OK {
				k.settled = k.changes
			}
			if r.doubtful || r.outcome == linearizability.Unknown {
				k.late[k.changes] = true
			}
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

// value is what the n-th change sets, from 1 on.
func (k *keeper) value(n int) int { return retentionFirst + k.number*retentionsEach + n }

// replace deletes the queue and makes it anew. SQS refuses the name for 60 s.
func (k *keeper) replace(t *thread) {
	k.settled = 0
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
	if attributes, r := t.attributes(); r.outcome == linearizability.OK {
		k.compare(t, attributes[changedAttribute])
	}
}

// attributes reads all attributes of the queue.
func (t *thread) attributes() (map[string]string, reply) {
	o := t.begin(linearizability.Operation{Kind: linearizability.GetAttributes})
	var answer attributesAnswer
	r := t.call("GetQueueAttributes", getAttributesRequest{QueueURL: t.url, AttributeNames: []string{"All"}}, 0, &answer)
	t.end(o, 0, &r, r.outcome, r.code, func(operation *linearizability.Operation) {
		if r.outcome == linearizability.OK {
			operation.Values = answer.Attributes
		}
	})
	return answer.Attributes, r
}

// compare looks whether what was read is older than what was acknowledged.
func (k *keeper) compare(t *thread, read string) {
	if !k.alone || k.settled == 0 {
		return
	}
	value, err := strconv.Atoi(read)
	n := value - k.value(0)
	if err != nil || n < k.settled && !k.late[n] {
		t.violation("%s was read as %q after %d had been acknowledged", changedAttribute, read, k.value(k.settled))
	}
}
