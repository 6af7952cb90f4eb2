package linearizability

import (
	"testing"
	"time"
)

func TestContent(t *testing.T) {
	wrong := func(change func(m *Message)) Message {
		m := got("a", 1, "")
		change(&m)
		return m
	}
	runScripts(t, []script{
		{name: "received while the send is still under way", history: []Operation{
			send(plain, 0, 100, "a", ""), receive(plain, 10, 20, got("a", 1, "")),
		}},
		{name: "received before the send was called", broken: []Rule{Invented}, history: []Operation{
			receive(plain, 10, 20, got("a", 1, "")), send(plain, 21, 100, "a", ""),
		}},
		{name: "a send of unknown outcome is received", history: []Operation{
			send(plain, 0, 5, "a", "", unknown), receive(plain, 1000, 1001, got("a", 1, "")),
		}},
		{name: "a refused send is received", broken: []Rule{Invented}, history: []Operation{
			send(plain, 0, 5, "a", "", refused), receive(plain, 1000, 1001, got("a", 1, "")),
		}},
		{name: "a send whose last try was refused is received", history: []Operation{
			send(plain, 0, 5, "a", "", refused, tried(2)), receive(plain, 1000, 1001, got("a", 1, "")),
		}},
		{name: "sent to another queue", broken: []Rule{Invented}, history: []Operation{
			send("other", 0, 5, "a", ""), receive(plain, 10, 20, got("a", 1, "")),
		}},
		{name: "the body of its neighbour", broken: []Rule{Corrupted}, history: []Operation{
			send(plain, 0, 5, "a", ""), send(plain, 0, 5, "b", ""), receive(plain, 10, 20, wrong(func(m *Message) { m.Body = "b" })),
		}},
		{name: "a body nobody sent", broken: []Rule{Corrupted}, history: []Operation{
			send(plain, 0, 5, "a", ""), receive(plain, 10, 20, wrong(func(m *Message) { m.Body = "A" })),
		}},
		{name: "a wrong digest", broken: []Rule{Corrupted}, history: []Operation{
			send(plain, 0, 5, "a", ""), receive(plain, 10, 20, wrong(func(m *Message) { m.DamagedBody = true })),
		}},
		{name: "the body of a repeat that stored nothing", broken: []Rule{Corrupted}, history: []Operation{
			send(fifo, 0, 5, "a", "1"), send(fifo, 10, 15, "b", "1", deduplicated("a"), answered("ma", "1")),
			receive(fifo, 20, 25, Message{MessageID: "ma", Body: "b", Handle: "h", Group: "g", SequenceNumber: "1", ReceiveCount: 1}),
		}},
		{name: "the body of either of two sends of one deduplication ID at a time", history: []Operation{
			send(fifo, 0, 15, "a", "1"), send(fifo, 10, 15, "b", "1", deduplicated("a"), answered("ma", "1")),
			receive(fifo, 20, 25, Message{MessageID: "ma", Body: "b", Handle: "h", Group: "g", SequenceNumber: "1", ReceiveCount: 1}),
		}},
		{name: "as many as asked for", history: []Operation{
			send(plain, 0, 5, "a", ""), send(plain, 0, 5, "b", ""),
			with(receive(plain, 10, 20, got("a", 1, ""), got("b", 1, "")), func(op *Operation) { op.Max = 2 }),
		}},
		{name: "more than asked for", broken: []Rule{Response}, history: []Operation{
			send(plain, 0, 5, "a", ""), send(plain, 0, 5, "b", ""),
			with(receive(plain, 10, 20, got("a", 1, ""), got("b", 1, "")), func(op *Operation) { op.Max = 1 }),
		}},
		{name: "twice in one answer", broken: []Rule{Response}, history: []Operation{
			send(plain, 0, 5, "a", ""), receive(plain, 10, 20, got("a", 1, ""), got("a", 2, "")),
		}},
		{name: "no MessageID", broken: []Rule{Response}, history: []Operation{send(plain, 0, 5, "a", "", answered("", ""))}},
		{name: "no sequence number", broken: []Rule{Response}, history: []Operation{send(fifo, 0, 5, "a", "")}},
		{name: "a new handle each time", history: []Operation{
			send(plain, 0, 5, "a", ""), receive(plain, 10, 20, got("a", 1, "")), receive(plain, 40_000, 40_001, got("a", 2, "")),
		}},
		{name: "an old handle", broken: []Rule{HandleReuse}, history: []Operation{
			send(plain, 0, 5, "a", ""), receive(plain, 10, 20, got("a", 1, "")), receive(plain, 40_000, 40_001, got("a", 1, "")),
		}},
		{name: "an old handle for a repeated attempt", history: []Operation{
			send(fifo, 0, 5, "a", "1"), with(receive(fifo, 10, 20, got("a", 1, "1")), attempting), with(receive(fifo, 30, 40, got("a", 1, "1")), attempting),
		}},
		{name: "one MessageID for two messages", broken: []Rule{SharedMessageID}, history: []Operation{
			send(plain, 0, 5, "a", ""), send(plain, 0, 5, "b", "", answered("ma", "")),
		}},
		{name: "one MessageID for two deduplication IDs", broken: []Rule{SharedMessageID}, history: []Operation{
			send(fifo, 0, 5, "a", "1"), send(fifo, 10, 15, "b", "1", answered("ma", "1")),
		}},
	})
}

func TestLoss(t *testing.T) {
	short := Options{Drained: true, Queues: map[string]Queue{plain: {Retention: time.Minute}}}
	idle := func(until int64) Operation { return receive(plain, until-1, until) }
	runScripts(t, []script{
		{name: "received and deleted", options: drained, history: []Operation{
			send(plain, 0, 5, "a", ""), receive(plain, 10, 20, got("a", 1, "")), remove(plain, 30, 40, "a", 1),
		}},
		{name: "never received", options: drained, broken: []Rule{Lost}, history: []Operation{send(plain, 0, 5, "a", "")}},
		{name: "never received, but nobody drained the queue", history: []Operation{send(plain, 0, 5, "a", "")}},
		{
			name: "never received, but nobody drained this queue", options: Options{Drained: true, Queues: map[string]Queue{plain: {Undrained: true}}},
			history: []Operation{send(plain, 0, 5, "a", "")},
		},
		{name: "never received, but nobody acknowledged it", options: drained, history: []Operation{send(plain, 0, 5, "a", "", unknown)}},
		{name: "received, not deleted, never seen again", options: drained, broken: []Rule{Lost}, history: []Operation{
			send(plain, 0, 5, "a", ""), receive(plain, 10, 20, got("a", 1, "")),
		}},
		{name: "received, and perhaps deleted", options: drained, history: []Operation{
			send(plain, 0, 5, "a", "", unknown), receive(plain, 10, 20, got("a", 1, "")), remove(plain, 30, 40, "a", 1, unanswered),
		}},
		{name: "received, and the delete refused", options: drained, broken: []Rule{Lost}, history: []Operation{
			send(fifo, 0, 5, "a", "1"), receive(fifo, 10, 20, got("a", 1, "1")), remove(fifo, 31_000, 31_001, "a", 1, refused),
		}},
		{name: "perhaps purged", options: drained, history: []Operation{
			send(plain, 10, 20, "a", ""), operation(PurgeQueue, plain, 0, 10, nil),
		}},
		{name: "purged before", options: drained, broken: []Rule{Lost}, history: []Operation{
			send(plain, 10, 20, "a", ""), operation(PurgeQueue, plain, 0, 9, nil),
		}},
		{name: "perhaps purged by a request that was given up long ago", options: drained, history: []Operation{
			send(plain, 10, 20, "a", ""), operation(PurgeQueue, plain, 0, 9, []edit{unanswered}),
		}},
		{name: "a purge that was refused", options: drained, broken: []Rule{Lost}, history: []Operation{
			send(plain, 0, 5, "a", ""), operation(PurgeQueue, plain, 10, 20, []edit{refused}),
		}},
		{name: "its retention ended", options: short, history: []Operation{send(plain, 0, 5, "a", ""), idle(60_000)}},
		{name: "its retention nearly ended", options: short, broken: []Rule{Lost}, history: []Operation{send(plain, 0, 5, "a", ""), idle(59_998)}},
		{name: "received again after a purge that it may have missed", history: []Operation{
			send(plain, 0, 11, "a", ""), operation(PurgeQueue, plain, 10, 20, nil), receive(plain, 30, 40, got("a", 1, "")),
		}},
		{name: "received after a purge that began after it was stored", broken: []Rule{PurgedReturns}, history: []Operation{
			send(plain, 0, 10, "a", ""), operation(PurgeQueue, plain, 10, 20, nil), receive(plain, 30, 40, got("a", 1, "")),
		}},
		{name: "received while the purge is under way", history: []Operation{
			send(plain, 0, 10, "a", ""), operation(PurgeQueue, plain, 10, 20, nil), receive(plain, 19, 40, got("a", 1, "")),
		}},
		{name: "received from a queue that was deleted", broken: []Rule{PurgedReturns}, history: []Operation{
			send(plain, 0, 10, "a", ""), operation(DeleteQueue, plain, 10, 20, nil), operation(CreateQueue, plain, 25, 26, nil), receive(plain, 30, 40, got("a", 1, "")),
		}},
	})
}

func TestDelayCountDeadLettersAndPolls(t *testing.T) {
	later := Options{Queues: map[string]Queue{fifo: {Delay: 5 * time.Second}}}
	moving := Options{Queues: map[string]Queue{plain: {DeadLetter: "dead", MaxReceives: 1}}}
	two := Options{Queues: map[string]Queue{plain: {Partitions: 2}}}
	empty := func(call, returned int64, seconds int) Operation {
		return with(receive(plain, call, returned), waiting(seconds))
	}
	runScripts(t, []script{
		{name: "received just after its delay", history: []Operation{
			send(plain, 1000, 1005, "a", "", delayed(5)), receive(plain, 10, 5999, got("a", 1, "")),
		}},
		{name: "received before its delay was over", broken: []Rule{Delay}, history: []Operation{
			send(plain, 1000, 1005, "a", "", delayed(5)), receive(plain, 10, 5998, got("a", 1, "")),
		}},
		{name: "received early by clocks that differ", options: skewed, history: []Operation{
			send(plain, 1000, 1005, "a", "", delayed(5)), receive(plain, 10, 3999, got("a", 1, "")),
		}},
		{name: "received earlier than clocks differ", options: skewed, broken: []Rule{Delay}, history: []Operation{
			send(plain, 1000, 1005, "a", "", delayed(5)), receive(plain, 10, 3998, got("a", 1, "")),
		}},
		{name: "received before the queue's delay was over", options: later, broken: []Rule{Delay}, history: []Operation{
			send(fifo, 1000, 1005, "a", "1"), receive(fifo, 10, 5998, got("a", 1, "1")),
		}},
		{name: "the queue's delay was perhaps taken away", options: later, history: []Operation{
			send(fifo, 1000, 1005, "a", "1"), receive(fifo, 10, 5998, got("a", 1, "1")),
			operation(SetAttributes, fifo, 2000, 2001, []edit{unanswered, func(op *Operation) { op.Attributes = map[string]string{"DelaySeconds": "0"} }}),
		}},

		{name: "a receive that nobody saw counts", history: []Operation{
			send(plain, 0, 5, "a", ""), with(receive(plain, 10, 20), unanswered), receive(plain, 40_000, 40_001, got("a", 2, "")),
		}},
		{name: "a first try that nobody saw counts", history: []Operation{
			send(plain, 0, 5, "a", ""), with(receive(plain, 10, 40_001, got("a", 2, "")), tried(2)),
		}},
		{name: "a receive that was repeated inside, after its messages had become another's, counts", options: Options{Disturbed: []Span{{To: ms(100_000)}}}, history: []Operation{
			send(plain, 0, 5, "a", ""), receive(plain, 31_000, 31_001, got("a", 2, "")),
			with(receive(plain, 10, 31_010), func(op *Operation) { op.Client = "other" }),
		}},
		{name: "but not while nothing failed", broken: []Rule{ReceiveCount}, history: []Operation{
			send(plain, 0, 5, "a", ""), receive(plain, 31_000, 31_001, got("a", 2, "")),
			with(receive(plain, 10, 31_010), func(op *Operation) { op.Client = "other" }),
		}},
		{name: "and not if it was short", broken: []Rule{ReceiveCount}, options: Options{Disturbed: []Span{{To: ms(100_000)}}}, history: []Operation{
			send(plain, 0, 5, "a", ""), receive(plain, 31_000, 31_001, got("a", 2, "")),
			with(receive(plain, 2000, 31_010), func(op *Operation) { op.Client = "other" }),
		}},
		{name: "a receive that never was counts", broken: []Rule{ReceiveCount}, history: []Operation{
			send(plain, 0, 5, "a", ""), receive(plain, 10, 20), receive(plain, 40_000, 40_001, got("a", 2, "")),
		}},
		{name: "a refused receive does not count", broken: []Rule{ReceiveCount}, history: []Operation{
			send(plain, 0, 5, "a", ""), with(receive(plain, 10, 20), refused), receive(plain, 40_000, 40_001, got("a", 2, "")),
		}},
		{name: "a receive that does not count", broken: []Rule{ReceiveCount}, history: []Operation{
			send(plain, 0, 5, "a", ""), receive(plain, 10, 20, got("a", 1, "")),
			receive(plain, 40_000, 40_001, altered(got("a", 2, ""), func(m *Message) { m.ReceiveCount = 1 })),
		}},
		{name: "counts that fall", broken: []Rule{ReceiveCount}, history: []Operation{
			send(plain, 0, 5, "a", ""), receive(plain, 10, 20, got("a", 2, "")), receive(plain, 40_000, 40_001, got("a", 1, "")),
		}},
		{name: "counts of receives at the same time, in either order", history: []Operation{
			send(plain, 0, 5, "a", ""), receive(plain, 10, 40_000, got("a", 2, "")), receive(plain, 11, 40_001, got("a", 1, "")),
		}},

		{name: "moved after its receives", options: moving, history: []Operation{
			send(plain, 0, 5, "a", ""), receive(plain, 10, 20, got("a", 1, "")), receive("dead", 40_000, 40_001, dead("a", 2, "")),
		}},
		{name: "moved at once", options: moving, broken: []Rule{DeadLetter}, history: []Operation{
			send(plain, 0, 5, "a", ""), receive("dead", 40_000, 40_001, dead("a", 1, "")),
		}},
		{name: "received too often", options: moving, broken: []Rule{DeadLetter}, history: []Operation{
			send(plain, 0, 5, "a", ""), receive(plain, 10, 20, got("a", 1, "")), receive(plain, 40_000, 40_001, got("a", 2, "")),
		}},
		{name: "in both queues", options: moving, broken: []Rule{DeadLetter}, history: []Operation{
			send(plain, 0, 5, "a", ""), receive("dead", 40_000, 40_001, dead("a", 2, "")), receive(plain, 40_002, 40_003, got("a", 1, "")),
		}},

		{name: "an empty poll before the message was surely there", history: []Operation{
			send(plain, 0, 11, "a", ""), empty(10, 1000, 1),
		}},
		{name: "an empty poll that missed a message", broken: []Rule{EmptyLongPoll}, history: []Operation{
			send(plain, 0, 10, "a", ""), empty(10, 1000, 1), receive(plain, 1000, 1001, got("a", 1, "")),
		}},
		{name: "an empty short poll", history: []Operation{send(plain, 0, 10, "a", ""), receive(plain, 10, 20)}},
		{name: "an empty poll of two partitions", options: two, history: []Operation{send(plain, 0, 10, "a", ""), empty(10, 1010, 1)}},
		{name: "an empty poll in a disturbed time", options: Options{Disturbed: []Span{{ms(500), ms(510)}}}, history: []Operation{
			send(plain, 0, 10, "a", ""), empty(10, 1010, 1),
		}},
		{name: "an empty poll that was not woken", broken: []Rule{EmptyLongPoll}, history: []Operation{
			empty(0, 20_000, 20), send(plain, 18_000, 18_999, "a", ""), receive(plain, 30_000, 30_001, got("a", 1, "")),
		}},
		{name: "an empty poll that ended just when a message came", history: []Operation{
			empty(0, 20_000, 20), send(plain, 18_000, 19_001, "a", ""), receive(plain, 30_000, 30_001, got("a", 1, "")),
		}},
		{name: "an empty poll while the message is in flight", history: []Operation{
			send(plain, 0, 5, "a", ""), receive(plain, 10, 20, got("a", 1, "")), empty(29_000, 30_019, 1), receive(plain, 31_000, 31_001, got("a", 2, "")),
		}},
		{name: "an empty poll after the message was in flight", broken: []Rule{EmptyLongPoll}, history: []Operation{
			send(plain, 0, 5, "a", ""), receive(plain, 10, 20, got("a", 1, "")), empty(30_021, 31_021, 1), receive(plain, 31_021, 31_022, got("a", 2, "")),
		}},
		{name: "an empty poll while perhaps somebody held the message", history: []Operation{
			send(plain, 0, 5, "a", ""), with(receive(plain, 10, 20), unanswered), empty(100, 1100, 1), receive(plain, 31_000, 31_001, got("a", 2, "")),
		}},
		{name: "an empty poll although the count says that nobody held the message", broken: []Rule{EmptyLongPoll}, history: []Operation{
			send(plain, 0, 5, "a", ""), with(receive(plain, 10, 20), unanswered), empty(100, 1100, 1), receive(plain, 31_000, 31_001, got("a", 1, "")),
		}},
		{name: "an empty poll of a locked group", history: []Operation{
			send(fifo, 0, 5, "a", "1"), send(fifo, 6, 8, "b", "2"), receive(fifo, 10, 20, got("a", 1, "1")),
			with(receive(fifo, 30, 1030), waiting(1)), receive(fifo, 31_000, 31_001, got("a", 2, "1"), got("b", 1, "2")),
		}},
		{name: "an empty poll of a group that was unlocked", broken: []Rule{EmptyLongPoll}, history: []Operation{
			send(fifo, 0, 5, "a", "1"), send(fifo, 6, 8, "b", "2"), receive(fifo, 10, 20, got("a", 1, "1")), remove(fifo, 20, 29, "a", 1),
			with(receive(fifo, 30, 1030), waiting(1)), receive(fifo, 31_000, 31_001, got("b", 1, "2")),
		}},
	})
}
