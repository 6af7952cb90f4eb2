package linearizability

import "testing"

func TestCopies(t *testing.T) {
	copyOf := func(body string, number string) Message {
		m := got(body, 1, number)
		m.MessageID, m.Handle = "copy", "copy"
		return m
	}
	const minutes = 60_000
	purge := func(call, returned int64) Operation { return operation(PurgeQueue, fifo, call, returned, nil) }
	runScripts(t, []script{
		{name: "one standard request, one message twice", options: strict, history: []Operation{
			send(plain, 0, 5, "a", ""), receive(plain, 10, 20, got("a", 1, "")), receive(plain, 40_000, 40_001, got("a", 2, "")),
		}},
		{name: "one standard request, two messages", options: strict, broken: []Rule{DuplicateSend}, history: []Operation{
			send(plain, 0, 5, "a", ""), receive(plain, 10, 20, got("a", 1, ""), copyOf("a", "")),
		}},
		{name: "one standard request, two messages, as SQS allows", history: []Operation{
			send(plain, 0, 5, "a", ""), receive(plain, 10, 20, got("a", 1, ""), copyOf("a", "")),
		}},
		{name: "two standard requests, two messages", options: strict, history: []Operation{
			send(plain, 0, 5, "a", "", tried(2)), receive(plain, 10, 20, got("a", 1, ""), copyOf("a", "")),
		}},
		{name: "one FIFO request, two messages", broken: []Rule{DuplicateSendFIFO}, history: []Operation{
			send(fifo, 0, 5, "a", "", unknown), receive(fifo, 10, 20, got("a", 1, "1"), copyOf("a", "2")),
		}},
		{name: "two FIFO requests, two messages", broken: []Rule{DuplicateSendFIFO}, history: []Operation{
			send(fifo, 0, 5, "a", "", unknown, tried(2)), receive(fifo, 10, 20, got("a", 1, "1"), copyOf("a", "2")),
		}},
		{name: "two FIFO requests, a message each, the second perhaps after the interval", history: []Operation{
			send(fifo, 0, 5, "a", "", unknown, tried(2)), receive(fifo, 10, 20, got("a", 1, "1")), remove(fifo, 30, 40, "a", 1),
			receive(fifo, 5*minutes, 5*minutes+1, copyOf("a", "2")),
		}},
		{name: "repeated, one message", history: []Operation{
			send(fifo, 0, 5, "a", "", unknown), send(fifo, 10, 15, "a", "1"), receive(fifo, 20, 25, got("a", 1, "1")),
		}},
		{name: "repeated, two messages", broken: []Rule{DuplicateSendFIFO}, history: []Operation{
			send(fifo, 0, 5, "a", "1"), send(fifo, 10, 15, "a", "2", answered("copy", "2")),
		}},
		{name: "repeated after a purge", history: []Operation{
			send(fifo, 0, 5, "a", "1"), purge(6, 9), send(fifo, 10, 15, "a", "2", answered("copy", "2")),
		}},
		{name: "taken for a repeat though a purge came between", broken: []Rule{Deduplication}, history: []Operation{
			send(fifo, 0, 5, "a", "1"), purge(6, 9), send(fifo, 10, 15, "a", "1"),
		}},
		{name: "another message with the same deduplication ID", broken: []Rule{Deduplication}, history: []Operation{
			send(fifo, 0, 5, "a", "1"), send(fifo, 10, 5*minutes-2, "b", "2", deduplicated("a")),
		}},
		{name: "another message with the same deduplication ID, perhaps after the interval", history: []Operation{
			send(fifo, 0, 5, "a", "1"), send(fifo, 10, 5*minutes, "b", "2", deduplicated("a")),
		}},
		{name: "another message with the same deduplication ID in another group", history: []Operation{
			operation(CreateQueue, fifo, 0, 1, []edit{func(op *Operation) { op.Attributes = map[string]string{"DeduplicationScope": "messageGroup"} }}),
			send(fifo, 2, 5, "a", "1"), send(fifo, 10, 20, "b", "2", deduplicated("a"), inGroup("h")),
		}},
		{name: "another message with the same deduplication ID in another group of a queue that does not care", broken: []Rule{Deduplication}, history: []Operation{
			send(fifo, 2, 5, "a", "1"), send(fifo, 10, 20, "b", "2", deduplicated("a"), inGroup("h")),
		}},
		{name: "taken for a repeat in the last moment", history: []Operation{
			send(fifo, 0, 5, "a", "1"), send(fifo, 5*minutes+6, 5*minutes+7, "b", "1", deduplicated("a"), answered("ma", "1")),
		}},
		{name: "taken for a repeat too late", broken: []Rule{Deduplication}, history: []Operation{
			send(fifo, 0, 5, "a", "1"), send(fifo, 5*minutes+7, 5*minutes+8, "b", "1", deduplicated("a"), answered("ma", "1")),
		}},
	})
}

func TestOrder(t *testing.T) {
	a, b, c := send(fifo, 0, 5, "a", "1"), send(fifo, 5, 8, "b", "2"), send(fifo, 9, 9, "c", "3")
	runScripts(t, []script{
		{name: "leading zeros", history: []Operation{send(fifo, 0, 5, "a", "00000000000000000001"), receive(fifo, 10, 20, got("a", 1, "1"))}},
		{name: "two numbers for a message", broken: []Rule{Sequence}, history: []Operation{a, receive(fifo, 10, 20, got("a", 1, "2"))}},
		{name: "two messages with a number", broken: []Rule{Sequence}, history: []Operation{a, send(fifo, 0, 5, "b", "1")}},
		{name: "two groups with a number", history: []Operation{a, send(fifo, 0, 5, "b", "1", inGroup("h"))}},
		{name: "not a number", broken: []Rule{Sequence}, history: []Operation{send(fifo, 0, 5, "a", "0x1")}},
		{name: "too long for a number", broken: []Rule{Sequence}, history: []Operation{send(fifo, 0, 5, "a", "100000000000000000000")}},
		{name: "numbers of sends at the same time", history: []Operation{a, send(fifo, 5, 8, "b", "0")}},
		{name: "numbers against time", broken: []Rule{SequenceOrder}, history: []Operation{a, send(fifo, 6, 8, "b", "0")}},
		{name: "numbers against time after a request that may have come late", history: []Operation{
			send(fifo, 0, 5, "a", "", unknown), send(fifo, 6, 8, "b", "1"), receive(fifo, 10, 20, got("b", 1, "1"), got("a", 1, "2")),
		}},
		{name: "numbers against time, as receives show", broken: []Rule{SequenceOrder}, history: []Operation{
			send(fifo, 0, 5, "a", "", unknown), receive(fifo, 10, 20, got("a", 1, "9")), send(fifo, 21, 22, "b", "1"),
		}},
		{name: "numbers in a batch", history: []Operation{with(a, inBatch), with(send(fifo, 0, 5, "b", "2"), inBatch)}},
		{name: "numbers against a batch", broken: []Rule{SequenceOrder}, history: []Operation{with(a, inBatch), with(send(fifo, 0, 5, "b", "0"), inBatch)}},
		{name: "a new queue numbers anew", history: []Operation{
			send(fifo, 0, 5, "a", "7"), operation(DeleteQueue, fifo, 6, 7, nil), operation(CreateQueue, fifo, 8, 9, nil), send(fifo, 10, 15, "b", "1"),
		}},

		{name: "one after the other", history: []Operation{
			a, b, receive(fifo, 10, 20, got("a", 1, "1")), remove(fifo, 29, 40, "a", 1), receive(fifo, 25, 30, got("b", 1, "2")),
		}},
		{name: "the second before the first was deleted", broken: []Rule{FIFOOrder}, history: []Operation{
			a, b, receive(fifo, 10, 20, got("a", 1, "1")), receive(fifo, 25, 30, got("b", 1, "2")), remove(fifo, 31, 40, "a", 1),
		}},
		{name: "the second after a delete that was refused", broken: []Rule{FIFOOrder}, history: []Operation{
			a, b, receive(fifo, 10, 20, got("a", 1, "1")), remove(fifo, 31_000, 31_001, "a", 1, refused), receive(fifo, 31_002, 31_003, got("b", 1, "2")),
		}},
		{name: "the second after a delete of unknown outcome", history: []Operation{
			a, b, receive(fifo, 10, 20, got("a", 1, "1")), remove(fifo, 21, 22, "a", 1, unanswered), receive(fifo, 25, 30, got("b", 1, "2")),
		}},
		{name: "the second after a delete that did nothing", broken: []Rule{FIFOOrder}, history: []Operation{
			a, b, receive(fifo, 10, 20, got("a", 1, "1")), remove(fifo, 21, 22, "a", 1, unanswered), receive(fifo, 25, 30, got("b", 1, "2")),
			receive(fifo, 40_000, 40_001, got("a", 2, "1")),
		}},
		{name: "together", history: []Operation{a, b, receive(fifo, 10, 20, got("a", 1, "1"), got("b", 1, "2"))}},
		{name: "together, turned around", broken: []Rule{FIFOOrder}, history: []Operation{a, b, receive(fifo, 10, 20, got("b", 1, "2"), got("a", 1, "1"))}},
		{name: "a gap", broken: []Rule{FIFOOrder}, history: []Operation{a, b, c, receive(fifo, 10, 20, got("a", 1, "1"), got("c", 1, "3"))}},
		{name: "only the first of three comes back, then all", history: []Operation{
			a, b, c, with(receive(fifo, 10, 20, got("a", 1, "1"), got("b", 1, "2"), got("c", 1, "3")), hiding(1)), change(fifo, 21, 22, "b", 1, 60),
			receive(fifo, 2000, 2001, got("a", 2, "1")), receive(fifo, 70_000, 70_001, got("a", 3, "1"), got("b", 2, "2"), got("c", 2, "3")),
		}},
		{name: "the third comes back while the second is in flight", broken: []Rule{FIFOOrder}, history: []Operation{
			a, b, c, with(receive(fifo, 10, 20, got("a", 1, "1"), got("b", 1, "2"), got("c", 1, "3")), hiding(1)), change(fifo, 21, 22, "b", 1, 60),
			receive(fifo, 2000, 2001, got("a", 2, "1"), got("c", 2, "3")),
		}},
		{name: "other groups go on", history: []Operation{
			a, send(fifo, 5, 8, "b", "2", inGroup("h")), receive(fifo, 10, 20, got("a", 1, "1")),
			receive(fifo, 25, 30, altered(got("b", 1, "2"), func(m *Message) { m.Group = "h" })),
		}},
		{name: "the second after a purge", history: []Operation{a, b, operation(PurgeQueue, fifo, 6, 9, nil), receive(fifo, 10, 20, got("b", 1, "2"))}},
	})
}

func TestHoldsAndDeletes(t *testing.T) {
	a, s := send(fifo, 0, 5, "a", "1"), send(plain, 0, 5, "a", "")
	first := receive(fifo, 1000, 1010, got("a", 1, "1"))
	second := func(returned int64) Operation { return receive(fifo, 20, returned, got("a", 2, "1")) }
	wide := skewed
	runScripts(t, []script{
		{name: "handed out again in time", history: []Operation{a, first, second(30_999)}},
		{name: "handed out again too early", broken: []Rule{FIFOHoldOverlap}, history: []Operation{a, first, second(30_998)}},
		{name: "handed out again in time by clocks that differ", options: wide, history: []Operation{a, first, second(28_999)}},
		{name: "handed out again too early for clocks that differ", options: wide, broken: []Rule{FIFOHoldOverlap}, history: []Operation{a, first, second(28_998)}},
		{name: "given back", history: []Operation{a, first, change(fifo, 1011, 1012, "a", 1, 0), second(1013)}},
		{name: "perhaps given back", history: []Operation{a, first, change(fifo, 1011, 1012, "a", 1, 0, unanswered), second(20_000)}},
		{name: "not given back", broken: []Rule{FIFOHoldOverlap}, history: []Operation{a, first, change(fifo, 1011, 1012, "a", 1, 0, refused), second(20_000)}},
		{name: "extended, handed out again in time", history: []Operation{a, first, change(fifo, 20_000, 20_001, "a", 1, 30), receive(fifo, 40_000, 49_999, got("a", 2, "1"))}},
		{name: "extended, handed out again too early", broken: []Rule{FIFOHoldOverlap}, history: []Operation{
			a, first, change(fifo, 20_000, 20_001, "a", 1, 30), receive(fifo, 40_000, 49_998, got("a", 2, "1")),
		}},
		{name: "perhaps extended", history: []Operation{a, first, change(fifo, 20_000, 20_001, "a", 1, 30, unanswered), receive(fifo, 40_000, 49_998, got("a", 2, "1"))}},
		{name: "handed out again too early by a receive that was called first", broken: []Rule{FIFOHoldOverlap}, history: []Operation{
			a, receive(fifo, 900, 2000, got("a", 2, "1")), first,
		}},
		{name: "a standard message twice at a time, as SQS allows", history: []Operation{
			s, receive(plain, 10, 20, got("a", 1, "")), receive(plain, 30, 40, got("a", 2, "")),
		}},
		{name: "a standard message twice at a time", options: strict, broken: []Rule{HoldOverlap}, history: []Operation{
			s, receive(plain, 10, 20, got("a", 1, "")), receive(plain, 30, 40, got("a", 2, "")),
		}},
		{name: "a standard message given back by an old handle", options: strict, history: []Operation{
			s, receive(plain, 10, 20, got("a", 1, "")), receive(plain, 30_020, 30_030, got("a", 2, "")), change(plain, 30_040, 30_050, "a", 1, 0),
			receive(plain, 30_060, 30_070, got("a", 3, "")),
		}},

		{name: "received while being deleted, by a handle that must have been too late", disordered: true, history: []Operation{a, first, remove(fifo, 31_000, 32_000, "a", 1), receive(fifo, 31_999, 33_000, got("a", 2, "1"))}},
		{name: "received after being deleted", broken: []Rule{DeletedReturnsFIFO}, history: []Operation{
			a, first, remove(fifo, 30_000, 31_005, "a", 1), receive(fifo, 32_000, 33_000, got("a", 2, "1")),
		}},
		{name: "received after perhaps being deleted", history: []Operation{
			a, first, remove(fifo, 30_000, 31_005, "a", 1, unanswered), receive(fifo, 32_000, 33_000, got("a", 2, "1")),
		}},
		{name: "a standard message after being deleted", options: strict, broken: []Rule{DeletedReturns}, history: []Operation{
			s, receive(plain, 10, 20, got("a", 1, "")), remove(plain, 30, 40, "a", 1), receive(plain, 40_000, 40_001, got("a", 2, "")),
		}},

		{name: "deleted in the last moment", history: []Operation{a, first, remove(fifo, 31_011, 31_012, "a", 1)}},
		{name: "deleted too late", broken: []Rule{ExpiredHandleDeletes}, history: []Operation{a, first, remove(fifo, 31_012, 31_013, "a", 1)}},
		{name: "deleted too late, and refused", history: []Operation{a, first, remove(fifo, 31_012, 31_013, "a", 1, refused)}},
		{name: "deleted too late, but extended", history: []Operation{a, first, change(fifo, 20_000, 20_001, "a", 1, 30, unanswered), remove(fifo, 31_012, 31_013, "a", 1)}},
		{name: "deleted a second time, too late", history: []Operation{a, first, remove(fifo, 2000, 2001, "a", 1), remove(fifo, 60_000, 60_001, "a", 1)}},
		{name: "deleted too late on a standard queue", options: strict, history: []Operation{
			s, receive(plain, 10, 20, got("a", 1, "")), remove(plain, 60_000, 60_001, "a", 1),
		}},
		{name: "deleted by the former holder", broken: []Rule{ExpiredHandleDeletes}, history: []Operation{
			a, first, change(fifo, 1011, 1012, "a", 1, 0, unanswered), receive(fifo, 1013, 1014, got("a", 2, "1")), remove(fifo, 1015, 1016, "a", 1),
		}},
		{name: "deleted by the former holder while the message is handed over", disordered: true, history: []Operation{
			a, first, change(fifo, 1011, 1012, "a", 1, 0, unanswered), receive(fifo, 1013, 1020, got("a", 2, "1")), remove(fifo, 1015, 1016, "a", 1),
		}},
	})
}
