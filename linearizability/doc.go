// Package linearizability says what a message queue promises its clients, and judges recorded runs by it.
//
// A run is a history: every call that every client made, when it began and ended, and what was answered ([Operation]).
// A [Recorder] writes it, [Judge] reads it and returns a [Verdict]. Nothing of chasqui is imported and nothing but
// the history is looked at, so the same judge serves the simulator and a cluster of real machines: record with a Recorder
// (or write the lines that [ReadJSONL] reads), say in [Options] what the history cannot tell, call Judge, and look at
// [Verdict.OK] and [Verdict.Undecided]. [Picture] draws what porcupine objects to.
//
// # What is promised, in four words
//
//   - At most once: a message is handed to one receiver at a time, and to nobody after its delete was acknowledged. SQS
//     promises it of FIFO queues only; chasqui of standard queues as well (Options.StrictStandard).
//   - At least once: what was acknowledged is delivered, again and again, until a delete of it is acknowledged, or its retention,
//     a purge or the deletion of its queue ends it. Of both kinds of queues.
//   - Exactly once: on a FIFO queue, all sends of one deduplication ID within five minutes are one message (exactly once in), and
//     only its present holder can delete it (a receiver that deletes what it is done with processes it once, unless it
//     outlives its visibility timeout: then it learns so from the refusal). A standard queue may be created so
//     (DeliveredExactlyOnce); the rules for FIFO queues that are about this judge it too.
//   - FIFO: the messages of one group come out in the order in which they went in, which their sequence numbers tell, and none
//     while an earlier one of its group is there. Between groups, and on standard queues, no order is promised.
//
// Which anomaly each of them forbids, and who finds it:
//
//	anomaly                                     forbidden by    rule                     porcupine
//	an acknowledged message never comes         at least once   lost                     -
//	a message comes back after its delete       at most once    deleted-returns(-fifo)   standard, fifo
//	two hold a message at once                  at most once    (fifo-)hold-overlap      standard, fifo
//	a purged message comes back                 at most once    purged-returns           standard, fifo
//	a message that nobody sent, or changed      all             invented, corrupted      standard, fifo (not sent)
//	one send, two messages                      exactly once    duplicate-send(-fifo)    fifo
//	one deduplication ID, two messages          exactly once    dedup                    fifo
//	an ID is remembered for too long            exactly once    dedup                    fifo
//	the former holder deletes                   exactly once    expired-handle-deletes   fifo
//	messages of a group out of order            FIFO            fifo-order               fifo
//	numbers against the order of sends          FIFO            sequence-order           fifo
//	delivered before its delay is over          both kinds      delay                    standard, fifo
//	receives not counted                        both kinds      receive-count            standard, fifo (falling)
//	moved to the dead-letter queue wrongly      both kinds      dead-letter              -
//	a dead letter is not what it was            both kinds      moved-altered            -
//	in both queues, or twice in one             both kinds      moved-twice, dead-letter -
//	a group out of order after its move         FIFO            moved-order              -
//	a move task too fast, forgotten, revived    both kinds      move-rate, move-task     -
//	delivered twice where that must not be      DeliveredAtMostOnce  at-most-once        -
//	a poll misses what is there                 both kinds      empty-long-poll          -
//	old attributes read, two queues of a name   metadata        -                        metadata
//	a deleted queue is used                     metadata        deleted-serves           metadata (its attributes)
//	a restored queue cannot be used             metadata        restored-missing         metadata (its attributes)
//	it lacks messages, holds, IDs, attributes   as if it had never been deleted          as ever
//
// # What can be known
//
// A client knows when it called and when the answer came; what happened lies somewhere between. So every rule works on
// definite knowledge only: an event of an answered operation lies in [Call, Return]. An operation that was not answered,
// or was tried more than once (Tries), may also take effect at any time after its Call, or never: requests that were given up
// may still be on their way. A refusal (Failed) of an operation tried once has no effect, ever.
//
// Deadlines (visibility, delay, deduplication, retention) run on the service's clocks. Those are at most
// Options.ClockBound away from the recorder's, at any time, so an interval measured by the service differs by at most
// twice the bound from the recorder's. Every comparison gives the service the benefit of that doubt, and of one
// millisecond, the resolution of its time stamps. What is reported is therefore a broken promise, and never just an odd
// history; what is merely suspicious is passed over.
//
// # Promises of every queue
//
// A message is what has one MessageID in one queue. Where move tasks may bring it back (Queue.MovesTo), each of its stays there is a
// message of its own, told by its time of sending (stays.go).
//
//   - lost: with Options.Drained, a message that was acknowledged or received at least once was also received and deleted, unless
//     it may have been purged, removed with its queue, or ended by retention. A delete of unknown outcome counts as one.
//   - invented: what is received was sent to this queue (or to one whose dead-letter queue this is) before, by a send that was
//     not refused.
//   - corrupted: it has the body, group and time of sending that belong to its MessageID, and its digest is right.
//   - response: an answer is complete, holds no more messages than asked for, and none twice.
//   - handle-reuse: every receipt handle is given out once, except to repeats of one receive attempt.
//   - message-id: two messages never share a MessageID.
//   - purged-returns: a message acknowledged before a purge, or before its queue was deleted, is not received after that returned.
//   - delay: a message is not received before its delay is over.
//   - receive-count: the receive count of a message grows with every receive: it never repeats, never goes down, and grows by
//     more than one only if receives of unknown outcome can account for it, or ones that took longer, while hosts failed,
//     than the visibility timeout: what such a receive took first may be another's before it is answered.
//   - dead-letter: a message is handed out at most as often as its queue's redrive policy says, is found in the dead-letter
//     queue only after that many receives, and then no more in its source.
//   - moved-altered: a dead letter names the queue that it comes from, and has the id, body, group and time of sending that it had
//     there. Nothing else says that it is one.
//   - moved-twice: a message that moved is there once: no two receives in its new queue count the same, nobody gets it from anywhere
//     after its certain holder has deleted it, and where it comes back to a queue, by a move task, it had left it before.
//   - moved-order: dead letters of one group are numbered in the order that they had in their source.
//   - move-rate: what move tasks moved by a moment is no more than their rates allow.
//   - move-task: a task that was started is listed, what it has moved does not become less, and one that has ended runs no more.
//   - at-most-once: a queue that delivers at most once delivers no message twice. There, lost is about numbers: no more messages
//     are missing than receives that nobody saw the result of can have taken.
//   - empty-long-poll: on a queue of one partition, a poll that waited its time and came back empty did not miss a message:
//     none was definitely visible from the poll's call, or from a second before the end of its wait, until it returned.
//   - deleted-serves: nothing that is asked of a queue after its deletion was acknowledged, and before anybody called for its
//     creation or restoration, succeeds (with Options.StrictMetadata: SQS gives itself a minute).
//   - restored-missing: nobody is told that a queue does not exist after its creation or restoration was acknowledged, and before
//     anybody called for its deletion (the same).
//
// Where deletions are undone (Queue.Restored), all other rules and the models take no notice of them: the queue has the same messages,
// handles, holds, deduplication IDs and order as if it had only not answered for a while.
//
// # Standard queues: at least once
//
// A message may be delivered again. A client that repeats a send whose answer it lost may store it twice. Order is
// best effort. SQS goes no further. chasqui's replicated partitions do (a receive is an entry of the log), and
// Options.StrictStandard holds a queue to it:
//
//   - duplicate-send: one request stores one message; only repeating the request stores more.
//   - hold-overlap: a message in flight is not handed out again before its visibility timeout ends.
//   - deleted-returns: an acknowledged delete is final.
//
// # FIFO queues: in order, and sent exactly once
//
//   - duplicate-send-fifo: a send, repeated or not, is in the queue 0 or 1 times: repeats within 5 minutes of the first accepted
//     one are the same message, with the same MessageID and sequence number, even after it was received and deleted.
//   - dedup: the same for different sends with the same deduplication ID (in the queue, or in the group if the queue says so);
//     and after the 5 minutes, or after a purge, a send is a new message.
//   - sequence: one message has one sequence number, of up to 20 digits, and no other message of its group has it.
//   - sequence-order: within a group, a send that returned before another was called has the lower number, and the entries
//     of a batch have rising ones. So sequence numbers are a witness of the order that clients could see.
//   - fifo-order: a receive takes a group's messages in order of their numbers from the first one: it never hands out a message
//     while an earlier one of its group is there, visible or not, unless it hands out that one before it in the same answer.
//   - fifo-hold-overlap: as hold-overlap.
//   - deleted-returns-fifo: as deleted-returns.
//   - expired-handle-deletes: a receipt handle whose visibility timeout has ended, or whose message was handed out again, deletes
//     nothing and says so (a fenced delete). What is gone already may be deleted again and again.
//
// A last rule, malformed-history, is about the recording: a history that contradicts itself is judged by no other rule.
//
// # Models
//
// The rules look at one promise each, over the whole history, in O(n log n). Porcupine looks at all promises at once, in small
// windows: it searches for one order of the operations, each at a moment between its call and its return, that a plain
// specification of the queue allows. That finds what lies between the rules, and tells when a rule has become blind.
//
//   - porcupine-fifo: the messages of a group (messagemodel.go): sends, deduplication, receives, deletes, changes of visibility, purges.
//   - porcupine-standard: one message of a standard queue, with Options.StrictStandard.
//   - porcupine-metadata: whether a queue exists and its attributes are registers (registers.go), and a restored queue has those that
//     it was deleted with, with Options.StrictMetadata. SQS says
//     that changes may take a minute to be seen; chasqui's catalog shows them at once.
//   - undecided-windows: the search in a window is bounded, in steps and not in time, so that the verdict is reproducible. Where it is
//     given up, the window counts as undecided, never as good; more than a twentieth of them (and more than two) is a failure.
//   - layers-disagree: porcupine finds no order for operations on a queue in which no rule finds anything: the rules have a gap there, or
//     the model is wrong.
//
// Time takes part: the end of a visibility timeout, a delay or a deduplication interval is a step with an interval of its own,
// widened by the clocks' bound. An operation of unknown outcome may come at any time after its call, or never.
//
// Porcupine does not judge queues whose messages can come or leave without a word: those with a dead-letter queue or that are one,
// those that move tasks take from or bring to, those of another delivery, and those whose retention the history outlasts.
//
// # Audit
//
// Both need nothing but the history. Where replicas can be watched, as in the simulator or on a cluster whose backend hosts run with
// --apply-log, [Audit] sees more: a naive queue of lists and loops (naive.go) is led through all commands that the replicas of
// a partition applied, in the order of their log, and must agree with every result (applied-result); and every send, receive
// and delete that a client was answered must be one that was applied between its call and its return (applied-answer). That
// finds a wrong result at the command that gave it, whether or not a client could ever have noticed. Where SQS leaves a
// choice (which messages of a standard queue, how many), every choice is allowed. Moves between queues are followed through the logs
// of both: what is set aside must have been received as often as it may, what is transferred is what was set aside, stored once, and
// nothing is removed before it is stored (naivemoves.go).
//
// # Reading order
//
// history.go is the form of a history, check.go the way through all rules. index.go gathers what is known of each message,
// stays.go follows it between queues, lifetime.go turns it into intervals. Then one file per group of rules: content.go, loss.go, deduplication.go, order.go,
// holds.go, deletes.go, delay.go, count.go, deadletter.go, moves.go, movetasks.go, once.go, polls.go, restoration.go. All of it takes O(n log n) time for n operations.
//
// judge.go joins the rules and the models. windows.go asks porcupine about a window. messagetracks.go, messagewindows.go and
// messagesteps.go make windows of messages for the model in messagemodel.go, and registerwindows.go those of metadata for the
// one in registers.go. bits.go is a set of constant size, picture.go draws. For the audit, applied.go reads what replicas
// say, naive.go is the queue that must agree, and audit.go compares.
package linearizability
