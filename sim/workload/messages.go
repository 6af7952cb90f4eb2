package workload

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"chasqui/linearizability"
)

// outgoing is a message to be sent.
type outgoing struct {
	token, body string
	delay       *int   // seconds; nil leaves it to the queue
	group       string // FIFO, or of a tenant
	// dedupID is the deduplication id that counts; explicit, that it is in the request and not the body's hash.
	dedupID  string
	explicit bool
}

// fields returns what the request says of the message.
func (m *outgoing) fields() sendFields {
	fields := sendFields{MessageBody: m.body, DelaySeconds: m.delay, MessageGroupID: m.group, MessageAttributes: marks(m.token)}
	if m.explicit {
		fields.MessageDeduplicationID = m.dedupID
	}
	return fields
}

// delaySeconds returns the delay that the message gets.
func (t *thread) delaySeconds(m *outgoing) int {
	if m.delay != nil {
		return *m.delay
	}
	return t.queue.DelaySeconds
}

// send sends one message, or several as a batch.
func (t *thread) send(messages []outgoing) {
	operations := make([]linearizability.Operation, len(messages))
	for i := range messages {
		m := &messages[i]
		operations[i] = linearizability.Operation{Kind: linearizability.Send, Body: m.token, Group: m.group,
			DeduplicationID: m.dedupID, DelaySeconds: t.delaySeconds(m)}
	}
	o := t.begin(operations...)
	var answer batchAnswer
	var r reply
	if len(messages) == 1 {
		var sent sentAnswer
		r = t.call("SendMessage", sendRequest{QueueURL: t.url, sendFields: messages[0].fields()}, 0, &sent)
		sent.ID = entryID(0)
		answer.Successful = []sentAnswer{sent}
	} else {
		request := batchRequest[sendRequest]{QueueURL: t.url}
		for i := range messages {
			request.Entries = append(request.Entries, sendRequest{ID: entryID(i), sendFields: messages[i].fields()})
		}
		r = t.call("SendMessageBatch", request, 0, &answer)
	}
	for i, e := range t.entries("send", &r, &answer, len(messages)) {
		t.sent(o, i, &r, &messages[i], e)
	}
}

// sent records what came of one message.
func (t *thread) sent(o open, i int, r *reply, m *outgoing, e entry) {
	if e.outcome == linearizability.OK {
		switch {
		case e.sent.MessageID == "" || t.queue.FIFO() && e.sent.SequenceNumber == "":
			t.violation("the send of %s was answered without a message id or sequence number", m.token)
			e.outcome, e.code = linearizability.Unknown, "answer lacks ids"
		case e.sent.AttributesDigest != marksDigest(m.token):
			t.violation("the send of %s was answered with the digest of other attributes", m.token)
			e.code = "answer has the digest of other attributes"
		case e.sent.BodyDigest != digest(m.body):
			t.violation("the send of %s was answered with the digest of another body", m.token)
			e.code = "answer has the digest of another body"
		}
	}
	t.end(o, i, r, e.outcome, e.code, func(operation *linearizability.Operation) {
		if e.outcome == linearizability.OK {
			operation.MessageID, operation.SequenceNumber = e.sent.MessageID, e.sent.SequenceNumber
		}
	})
	visible := t.env.Now() + seconds(t.delaySeconds(m))
	t.run.note(t.queue.Name, func(l *ledger) {
		if e.outcome == linearizability.OK {
			l.acknowledged(Missing{Queue: t.queue.Name, MessageID: e.sent.MessageID, Token: m.token, Operation: o.ids[i]}, visible)
		}
		if e.outcome == linearizability.Unknown || r.doubtful {
			l.unsettled(visible)
		}
	})
}

// noSuchQueue is the error code of requests to a queue that is not there.
const noSuchQueue = "QueueDoesNotExist"

// received is a message that a consumer has.
type received struct {
	messageID, handle, token string
}

// receive asks for messages. It returns those that came, and the outcome.
func (t *thread) receive(most, waitSeconds, visibilitySeconds int) ([]received, linearizability.Outcome) {
	request := receiveRequest{QueueURL: t.url, MaxNumberOfMessages: most, WaitTimeSeconds: waitSeconds, MessageSystemAttributeNames: []string{"All"},
		MessageAttributeNames: []string{"All"}}
	if visibilitySeconds > 0 {
		request.VisibilityTimeout = &visibilitySeconds
	} else {
		visibilitySeconds = t.queue.VisibilitySeconds
	}
	called := t.env.Now()
	o := t.begin(linearizability.Operation{Kind: linearizability.Receive, Max: most, WaitSeconds: waitSeconds, VisibilitySeconds: visibilitySeconds})
	var answer receiveAnswer
	r := t.call("ReceiveMessage", request, seconds(waitSeconds), &answer)
	messages, list := t.messagesOf(&r, &answer)
	if len(list) > most {
		t.violation("%d messages came when %d were asked for", len(list), most)
	}
	t.end(o, 0, &r, r.outcome, r.code, func(operation *linearizability.Operation) { operation.Messages = messages })
	until := t.env.Now() + seconds(visibilitySeconds)
	if t.queue.once() {
		until = t.env.Now()
	}
	t.run.moved(t.queue, messages, until, r.outcome == linearizability.Unknown || r.doubtful)
	t.run.note(t.queue.Name, func(l *ledger) {
		for i := range messages {
			l.received(&messages[i], until)
		}
		switch {
		case r.outcome == linearizability.Unknown || r.doubtful:
			// A try without an answer may have received messages, which are in flight with nobody to delete them.
			l.unsettled(until)
		case r.outcome == linearizability.OK && len(list) == 0 && waitSeconds > 0,
			t.queue.Exempt && r.outcome == linearizability.Failed && r.code == noSuchQueue:
			l.empty(called)
		}
	})
	return list, r.outcome
}

// messagesOf returns the messages of an answer, as the history has them and as the consumer does.
func (t *thread) messagesOf(r *reply, answer *receiveAnswer) (messages []linearizability.Message, list []received) {
	if r.outcome != linearizability.OK {
		return nil, nil
	}
	for i := range answer.Messages {
		m := &answer.Messages[i]
		number := func(name string) int64 {
			value, err := strconv.ParseInt(m.Attributes[name], 10, 64)
			if err != nil {
				t.violation("message %s came with %s %q", m.MessageID, name, m.Attributes[name])
			}
			return value
		}
		token, whole := tokenOf(m.Body)
		if !whole {
			token = m.Body
		}
		messages = append(messages, linearizability.Message{
			MessageID: m.MessageID, Body: token, Handle: m.ReceiptHandle,
			Group: m.Attributes["MessageGroupId"], SequenceNumber: m.Attributes["SequenceNumber"],
			ReceiveCount: int(number("ApproximateReceiveCount")), SentMs: number("SentTimestamp"),
			DamagedBody: !whole || m.BodyDigest != digest(m.Body) || m.AttributesDigest != marksDigest(token) || !maps.Equal(m.MessageAttributes, marks(token)),
			Source:      strings.TrimPrefix(m.Attributes["DeadLetterQueueSourceArn"], arn("")),
		})
		list = append(list, received{messageID: m.MessageID, handle: m.ReceiptHandle, token: token})
	}
	return messages, list
}

// delete deletes one message, or several as a batch.
func (t *thread) delete(list []received) {
	t.handle(linearizability.Delete, "DeleteMessage", list, nil)
}

// stray tries to delete a message of another queue with the handle of one of this queue. It is no operation of the history:
// it must have no effect at all.
func (t *thread) stray(m received) {
	plan := &t.run.options.Plan
	other := &plan.Queues[t.random.IntN(len(plan.Queues))]
	if other.Name == t.queue.Name {
		return
	}
	url := strings.TrimSuffix(t.url, t.queue.Name) + other.Name
	body, err := json.Marshal(handleRequest{QueueURL: url, ReceiptHandle: m.handle})
	if err != nil {
		panic(fmt.Sprintf("a request cannot be written: %v", err)) // it consists of strings
	}
	r := t.client.call("DeleteMessage", body, 0)
	t.run.requests(&r)
	if r.outcome == linearizability.OK {
		t.violation("a handle of this queue deletes in queue %s", other.Name)
	}
}

// changeVisibility sets the visibility timeout of messages.
func (t *thread) changeVisibility(list []received, visibilitySeconds int) {
	t.handle(linearizability.ChangeVisibility, "ChangeMessageVisibility", list, &visibilitySeconds)
}

// handle carries out an action on messages in flight.
func (t *thread) handle(kind linearizability.Kind, action string, list []received, visibility *int) {
	operations := make([]linearizability.Operation, len(list))
	for i, m := range list {
		operations[i] = linearizability.Operation{Kind: kind, Handle: m.handle, MessageID: m.messageID}
		if visibility != nil {
			operations[i].VisibilitySeconds = *visibility
		}
	}
	o := t.begin(operations...)
	var answer batchAnswer
	var r reply
	if len(list) == 1 {
		r = t.call(action, handleRequest{QueueURL: t.url, ReceiptHandle: list[0].handle, VisibilityTimeout: visibility}, 0, nil)
		answer.Successful = []sentAnswer{{ID: entryID(0)}}
	} else {
		request := batchRequest[handleRequest]{QueueURL: t.url}
		for i, m := range list {
			request.Entries = append(request.Entries, handleRequest{ID: entryID(i), ReceiptHandle: m.handle, VisibilityTimeout: visibility})
		}
		r = t.call(action+"Batch", request, 0, &answer)
	}
	entries := t.entries(string(kind), &r, &answer, len(list))
	for i, e := range entries {
		t.end(o, i, &r, e.outcome, e.code, nil)
	}
	now := t.env.Now()
	t.run.note(t.queue.Name, func(l *ledger) {
		for i, e := range entries {
			switch {
			case visibility != nil && e.outcome != linearizability.Failed:
				l.changed(list[i].messageID, now+seconds(*visibility))
			case visibility == nil && e.outcome == linearizability.OK:
				l.deleted(list[i].messageID, list[i].handle)
			}
		}
	})
	if visibility == nil && t.queue.DeadLetter != "" {
		t.run.note(t.queue.DeadLetter, func(l *ledger) {
			for i, e := range entries {
				if e.outcome == linearizability.OK {
					l.stays(list[i].messageID, list[i].handle)
				}
			}
		})
	}
}

// entry is what came of one entry of a batch.
type entry struct {
	outcome linearizability.Outcome
	code    string
	sent    sentAnswer
}

// entries tells what came of each of n entries. Every one must be in the answer once.
func (t *thread) entries(what string, r *reply, answer *batchAnswer, n int) []entry {
	list := make([]entry, n)
	if r.outcome != linearizability.OK {
		for i := range list {
			list[i] = entry{outcome: r.outcome, code: r.code}
		}
		return list
	}
	place := func(id string) *entry {
		i, err := strconv.Atoi(id)
		if err != nil || i < 0 || i >= n || list[i].outcome != "" {
			t.violation("a %s of %d entries was answered with entry %q out of place", what, n, id)
			return new(entry)
		}
		return &list[i]
	}
	for _, sent := range answer.Successful {
		*place(sent.ID) = entry{outcome: linearizability.OK, sent: sent}
	}
	for _, failed := range answer.Failed {
		outcome := linearizability.Unknown
		if failed.SenderFault && !r.doubtful {
			outcome = linearizability.Failed
		}
		*place(failed.ID) = entry{outcome: outcome, code: failed.Code}
	}
	for i := range list {
		if list[i].outcome == "" {
			t.violation("a %s of %d entries was answered without entry %d", what, n, i)
			list[i] = entry{outcome: linearizability.Unknown, code: "answer lacks the entry"}
		}
	}
	return list
}

func entryID(i int) string { return strconv.Itoa(i) }

func digest(body string) string {
	sum := md5.Sum([]byte(body))
	return hex.EncodeToString(sum[:])
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }
