package linearizability

import "fmt"

// Windows of messages: which messages are judged together, and the steps that their operations stand for.

// windowStepsMax bounds the steps of a window but for messages that have more by themselves.
const windowStepsMax = 200

// messageWindows returns the windows of a queue's messages.
//
// A FIFO group is cut between two messages where nothing of the earlier ones happens after the beginning of the later ones,
// and the queue does not know their deduplication IDs any more or never sees them again: nothing can be lost by such a
// cut. Where a window would become too large without one it ends anyway, and the next one begins in its last quarter: to
// leave messages out of a valid history leaves it valid, so such a window shows less but nothing that is not so.
func messageWindows(q *trackedQueue, options *Options, slack, end int64) []window {
	switch {
	case q.unjudged, len(q.tracks) == 0, end >= q.keeps-slack:
		return nil // messages may leave without a word
	case !q.fifo && !options.StrictStandard:
		return nil
	case !q.fifo:
		windows := make([]window, len(q.tracks))
		for i, t := range q.tracks {
			windows[i] = newMessageWindow(q, []*track{t}, slack, end)
		}
		return windows
	}
	var windows []window
	for _, group := range q.groupsOfTracks() {
		for _, part := range cut(group) {
			windows = append(windows, newMessageWindow(q, part, slack, end))
		}
	}
	return windows
}

// cut divides a group, which is in order of sequence numbers.
func cut(group []*track) [][]*track {
	until := reachOf(group)
	var parts [][]*track
	first, steps, holds := 0, 0, 0
	var latest int64 // until when something happens to the messages from first on
	for i, t := range group {
		full := steps+t.steps > windowStepsMax || holds+t.holds > bitsetMax || i-first >= bitsetMax
		if i > first && (latest < t.from || full) {
			parts = append(parts, group[first:i])
			if latest >= t.from {
				first = max(first+1, i-(i-first)/4)
			} else {
				first = i
			}
			steps, holds, latest = 0, 0, 0
			for k := first; k < i; k++ {
				steps, holds, latest = steps+group[k].steps, holds+group[k].holds, max(latest, until[k])
			}
		}
		steps, holds, latest = steps+t.steps, holds+t.holds, max(latest, until[i])
	}
	return append(parts, group[first:])
}

// reachOf returns until when something happens to each message, or to a later one with its deduplication ID.
func reachOf(group []*track) []int64 {
	until := make([]int64, len(group))
	last := map[string]int{}
	for i := len(group) - 1; i >= 0; i-- {
		t := group[i]
		until[i] = t.to
		if t.goneBy == forever {
			until[i] = forever
		}
		if k, ok := last[t.key()]; ok {
			until[i] = max(until[i], until[k])
		}
		last[t.key()] = i
	}
	return until
}

// messageWindow is a window under construction.
type messageWindow struct {
	window
	messageModel
	queue  *trackedQueue
	tracks []*track
	index  map[*track]int
	slack  int64
	// last is when the last client operation of the window returned, as far as it is known.
	last  int64
	holds int
	// receipts has the hold of the first receipt of each handle.
	receipts map[string]int
}

// newMessageWindow makes the window of some messages of one group or of one message.
func newMessageWindow(q *trackedQueue, tracks []*track, slack, end int64) window {
	w := &messageWindow{queue: q, tracks: tracks, slack: slack, index: map[*track]int{}, receipts: map[string]int{}}
	w.fifo = q.fifo
	w.rule, w.title = PorcupineStandard, fmt.Sprintf("message %s of %s", tracks[0].id, q.name)
	if q.fifo {
		w.rule, w.title = PorcupineFIFO, fmt.Sprintf("group %q of %s", tracks[0].group, q.name)
	}
	steps := 0
	for i, t := range tracks {
		w.index[t] = i
		w.names = append(w.names, t.id)
		steps, w.holds = steps+t.steps, w.holds+t.holds
	}
	if steps > 2*windowStepsMax || w.holds > bitsetMax {
		w.tooLong = true
		return w.window
	}
	w.holds = 0
	w.holdsOf, w.rivals = make([]bitset, len(tracks)), w.findRivals()
	for i, t := range tracks {
		w.addSends(i, t)
	}
	w.addTakes()
	w.addDeletes()
	for i, t := range tracks {
		w.addChanges(i, t)
		w.addForgetting(i, t, end)
	}
	w.addClears()
	w.addEnd()
	w.specification = &w.messageModel
	return w.window
}

// findRivals returns for each message the others with its deduplication ID.
func (w *messageWindow) findRivals() []bitset {
	rivals := make([]bitset, len(w.tracks))
	if !w.fifo {
		return rivals
	}
	byKey := map[string]bitset{}
	for i, t := range w.tracks {
		byKey[t.key()] = byKey[t.key()].with(bit(i))
	}
	for i, t := range w.tracks {
		if t.key() != "" {
			rivals[i] = byKey[t.key()].without(bit(i))
		}
	}
	return rivals
}
