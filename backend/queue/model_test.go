package queue

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// model is a partition done the naive way: one list, searched from front to back for every question.
type model struct {
	fifo, perGroup bool
	// fair says that a standard queue's messages have groups.
	fair        bool
	flights     []modelFlight
	since       map[string]int64 // when each group's load began, and with the empty group that of all
	delivery    Delivery
	retentionMs int64
	messages    []modelMessage
	dedup       []modelDedup
	lastSeq     uint64
}

type modelMessage struct {
	seq                          uint64
	sentMs, visibleMs, receiveMs int64
	receives                     uint32
	group                        string
}

// modelFlight is a message's time in flight, which may lie ahead.
type modelFlight struct {
	group        string
	seq          uint64
	fromMs, toMs int64
}

type modelDedup struct {
	group, id string
	sentMs    int64
	seq       uint64
}

func (m *model) expire(nowMs int64) {
	m.messages = slices.DeleteFunc(m.messages, func(x modelMessage) bool { return x.sentMs+m.retentionMs <= nowMs })
	m.dedup = slices.DeleteFunc(m.dedup, func(x modelDedup) bool { return x.sentMs+DedupMs <= nowMs })
	m.forgetLoads(nowMs)
}

// fly ends x's flight, if it is in one, and begins another.
func (m *model) fly(nowMs int64, x *modelMessage) {
	m.land(nowMs, x.seq)
	if x.visibleMs > nowMs {
		m.flights = append(m.flights, modelFlight{group: x.group, seq: x.seq, fromMs: nowMs, toMs: x.visibleMs})
		for _, group := range []string{x.group, ""} {
			if _, ok := m.since[group]; !ok && x.group != "" {
				m.since[group] = nowMs
			}
		}
	}
}

func (m *model) land(nowMs int64, seq uint64) {
	for i := range m.flights {
		if f := &m.flights[i]; f.seq == seq {
			f.toMs = min(f.toMs, nowMs)
		}
	}
}

// forgetLoads ends the flights of messages that are gone, and the loads of groups with no message in flight or visible.
func (m *model) forgetLoads(nowMs int64) {
	there, active := map[uint64]bool{}, map[string]bool{}
	for _, x := range m.messages {
		there[x.seq] = true
		if x.receives > 0 || x.visibleMs <= nowMs {
			active[x.group] = true
		}
	}
	for _, f := range m.flights {
		if !there[f.seq] {
			m.land(nowMs, f.seq)
		}
	}
	maps.DeleteFunc(m.since, func(group string, _ int64) bool { return group != "" && !active[group] })
	if len(m.since) == 1 {
		clear(m.since) // only that of all is left
	}
}

// spent returns how long messages were in flight in this window and the one before, and how many are: those of a group, or of
// the empty one all.
func (m *model) spent(nowMs int64, group string) (ms, inFlight int64) {
	sinceMs, ok := m.since[group]
	if !ok {
		return 0, 0
	}
	sinceMs = max(sinceMs, nowMs-nowMs%loadWindowMs-loadWindowMs)
	for _, f := range m.flights {
		if group != "" && f.group != group {
			continue
		}
		ms += max(0, min(f.toMs, nowMs)-max(f.fromMs, sinceMs))
		if f.toMs > nowMs {
			inFlight++
		}
	}
	return ms, inFlight
}

// noisy returns how many messages each noisy group has in flight.
func (m *model) noisy(nowMs int64) map[string]int64 {
	noisy := map[string]int64{}
	allMs, all := m.spent(nowMs, "")
	for group := range m.since {
		ms, inFlight := m.spent(nowMs, group)
		if group != "" && (inFlight >= 30 && 10*inFlight > all || 10*ms > allMs) {
			noisy[group] = inFlight
		}
	}
	return noisy
}

// fairly reorders the positions of visible messages for a receive of a queue with noisy groups.
func (m *model) fairly(nowMs int64, positions []int) []int {
	noisy := m.noisy(nowMs)
	loud := func(at int) bool {
		_, ok := noisy[m.messages[at].group]
		return ok
	}
	ordered := slices.DeleteFunc(slices.Clone(positions), loud)
	waiting := slices.DeleteFunc(slices.Clone(positions), func(at int) bool { return !loud(at) })
	for len(waiting) > 0 {
		next := 0
		for i, at := range waiting {
			if noisy[m.messages[at].group] < noisy[m.messages[waiting[next]].group] {
				next = i
			}
		}
		noisy[m.messages[waiting[next]].group]++
		ordered = append(ordered, waiting[next])
		waiting = slices.Delete(waiting, next, next+1)
	}
	return ordered
}

func (m *model) send(nowMs int64, s *Send) (seq uint64, duplicate bool) {
	for _, x := range m.dedup {
		if x.id == s.DedupID && (!m.perGroup || x.group == s.Group) {
			return x.seq, true
		}
	}
	m.lastSeq++
	if m.exact() {
		m.dedup = append(m.dedup, modelDedup{group: s.Group, id: s.DedupID, sentMs: nowMs, seq: m.lastSeq})
	}
	m.messages = append(m.messages, modelMessage{seq: m.lastSeq, sentMs: nowMs, visibleMs: nowMs + s.DelayMs, group: s.Group})
	return m.lastSeq, false
}

// deliverable returns the positions of all visible messages that a receive may get, in order.
func (m *model) deliverable(nowMs int64) []int {
	type candidate struct{ first, at int }
	var all []candidate
	first := map[string]int{} // the position of each group's first message
	locked := map[string]bool{}
	for at, x := range m.messages {
		visible := x.visibleMs <= nowMs
		if !m.fifo {
			if visible {
				all = append(all, candidate{at, at})
			}
			continue
		}
		if _, ok := first[x.group]; !ok {
			first[x.group] = at
		}
		locked[x.group] = locked[x.group] || !visible
		if !locked[x.group] {
			all = append(all, candidate{first[x.group], at})
		}
	}
	slices.SortStableFunc(all, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(m.messages[a.first].visibleMs, m.messages[b.first].visibleMs), cmp.Compare(a.first, b.first))
	})
	var positions []int
	for _, c := range all {
		positions = append(positions, c.at)
	}
	if m.fair {
		return m.fairly(nowMs, positions)
	}
	return positions
}

func (m *model) receive(nowMs int64, r *Receive) []Handle {
	var got []Handle
	for _, at := range m.deliverable(nowMs) {
		if len(got) == r.Max {
			break
		}
		x := &m.messages[at]
		x.receives++
		x.receiveMs, x.visibleMs = nowMs, nowMs+r.VisibilityMs
		m.fly(nowMs, x)
		got = append(got, Handle{Seq: x.seq, Receive: x.receives})
	}
	if m.delivery == AtMostOnce {
		m.messages = slices.DeleteFunc(m.messages, func(x modelMessage) bool { return x.receives > 0 })
	}
	return got
}

func (m *model) exact() bool { return m.fifo || m.delivery == ExactlyOnce }

func (m *model) delete(nowMs int64, h Handle) Code {
	for at, x := range m.messages {
		switch {
		case x.seq != h.Seq:
		case m.exact() && (x.receives != h.Receive || x.visibleMs <= nowMs):
			return HandleExpired
		default:
			m.messages = slices.Delete(m.messages, at, at+1)
			m.forgetLoads(nowMs)
			return OK
		}
	}
	return OK
}

func (m *model) changeVisibility(nowMs int64, c *VisibilityChange) Code {
	for at := range m.messages {
		x := &m.messages[at]
		switch {
		case x.seq != c.Seq:
		case m.exact() && x.receives != c.Receive:
			return HandleExpired
		case c.VisibilityMs > 0 && (nowMs-x.receiveMs)/1000*1000+c.VisibilityMs > MaxVisibilityMs:
			return VisibilityTooLong
		default:
			x.visibleMs = nowMs + c.VisibilityMs
			m.fly(nowMs, x)
			return OK
		}
	}
	return NotInFlight
}

func (m *model) stats(nowMs int64) (stats Stats) {
	for _, x := range m.messages {
		switch {
		case x.visibleMs <= nowMs:
			stats.Visible++
		case x.receives > 0:
			stats.InFlight++
		default:
			stats.Delayed++
		}
		stats.Bytes += 8
	}
	if len(m.messages) > 0 {
		stats.OldestSentMs = m.messages[0].sentMs
	}
	return stats
}

// TestModel gives random commands to the model, to a machine, and to one that is replaced by its own snapshot now and
// then. All three must agree on every result, and the machine's reads must foretell them. Commands are repeated at
// random under their session's number, which must change nothing.
func TestModel(t *testing.T) {
	for _, kind := range []model{
		{}, {fair: true}, {fair: true, delivery: ExactlyOnce}, {fifo: true}, {fifo: true, perGroup: true},
		{delivery: AtMostOnce}, {delivery: ExactlyOnce}, {fifo: true, delivery: AtMostOnce}, {fifo: true, delivery: ExactlyOnce},
	} {
		t.Run(fmt.Sprintf("fifo=%t,fair=%t,per group=%t,%v", kind.fifo, kind.fair, kind.perGroup, kind.delivery), func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				run := newModelRun(rt, kind)
				for range rapid.IntRange(1, 80).Draw(rt, "steps") {
					run.step()
				}
			})
		})
	}
}

type modelRun struct {
	*rapid.T
	model          model
	kept, restored *Machine
	nowMs          int64
	seq            uint64
	handles        []Handle
	past           []pastCommand
}

type pastCommand struct {
	operation []byte
	result    *Result
}

func newModelRun(t *rapid.T, kind model) *modelRun {
	r := &modelRun{T: t, kept: NewMachine(), restored: NewMachine(), nowMs: 1000}
	r.model = kind
	r.model.since = map[string]int64{}
	r.model.retentionMs = rapid.Int64Range(1, 400).Draw(t, "retention s") * 1000
	r.apply(Command{Kind: KindConfigure, Settings: &Settings{
		Version: 1, FIFO: kind.fifo, DedupPerGroup: kind.perGroup, Delivery: kind.delivery, RetentionMs: r.model.retentionMs,
	}})
	return r
}

func (r *modelRun) step() {
	// Short steps let timeouts interleave, long ones pass retention and deduplication.
	r.nowMs += rapid.SampledFrom([]int64{0, 0, 1, 999, 1000, 5000, 30_000, 150_000}).Draw(r.T, "pass ms")
	r.checkReads()
	switch rapid.IntRange(0, 9).Draw(r.T, "command") {
	case 0, 1, 2:
		r.send()
	case 3, 4, 5:
		r.receive()
	case 6:
		r.delete()
	case 7:
		r.changeVisibility()
	case 8:
		r.repeat()
	case 9:
		switch rapid.IntRange(0, 5).Draw(r.T, "rare command") {
		case 0:
			r.apply(Command{Kind: KindPurge})
			r.model.messages, r.model.dedup, r.model.flights = nil, nil, nil
			clear(r.model.since)
		case 1, 2:
			r.apply(Command{Kind: KindExpire})
		default:
			r.restored = restore(r.T, snapshotOf(r.T, r.restored))
		}
	}
}

func (r *modelRun) send() {
	c := Command{Kind: KindSend, Sends: make([]Send, rapid.IntRange(1, 4).Draw(r.T, "sends"))}
	for i := range c.Sends {
		s := Send{Body: binary.BigEndian.AppendUint64(nil, r.seq), DelayMs: rapid.SampledFrom([]int64{0, 0, 0, 1, 5000}).Draw(r.T, "delay")}
		s.MessageID[0] = byte(r.seq)
		if r.model.fifo {
			s.Group = rapid.SampledFrom([]string{"a", "b", "c"}).Draw(r.T, "group")
		}
		if r.model.fair {
			s.Group = rapid.SampledFrom([]string{"", "a", "a", "a", "a", "b", "b", "c", "d"}).Draw(r.T, "group")
		}
		if r.model.exact() {
			s.DedupID = fmt.Sprint(rapid.IntRange(0, 40).Draw(r.T, "dedup id"))
		}
		c.Sends[i] = s
	}
	result := r.apply(c)
	require.Len(r.T, result.Sent, len(c.Sends))
	for i := range c.Sends {
		seq, duplicate := r.model.send(r.nowMs, &c.Sends[i])
		require.Equal(r.T, []any{seq, duplicate, OK}, []any{result.Sent[i].Seq, result.Sent[i].Duplicate, result.Sent[i].Code})
	}
}

func (r *modelRun) receive() {
	receive := Receive{
		Max:          rapid.IntRange(1, MaxBatch).Draw(r.T, "max"),
		VisibilityMs: rapid.SampledFrom([]int64{0, 1, 1000, 5000, 60_000, MaxVisibilityMs}).Draw(r.T, "visibility"),
	}
	foretold := r.kept.Receivable(PartitionID{Queue: 1}, r.nowMs)
	result := r.apply(Command{Kind: KindReceive, Receive: &receive})
	var got []Handle
	for i := range result.Messages {
		got = append(got, result.Messages[i].Handle())
	}
	require.Equal(r.T, r.model.receive(r.nowMs, &receive), got)
	require.Equal(r.T, foretold, len(got) > 0, "Receivable")
	r.handles = append(r.handles, got...)
}

func (r *modelRun) drawHandle() (Handle, bool) {
	if len(r.handles) == 0 {
		return Handle{}, false
	}
	return r.handles[max(0, len(r.handles)-1-rapid.IntRange(0, 12).Draw(r.T, "handle"))], true
}

func (r *modelRun) delete() {
	if handle, ok := r.drawHandle(); ok {
		result := r.apply(Command{Kind: KindDelete, Deletes: []Handle{handle}})
		require.Equal(r.T, []Code{r.model.delete(r.nowMs, handle)}, result.Codes)
	}
}

func (r *modelRun) changeVisibility() {
	if handle, ok := r.drawHandle(); ok {
		change := VisibilityChange{Handle: handle, VisibilityMs: rapid.SampledFrom([]int64{0, 1000, 40_000, MaxVisibilityMs}).Draw(r.T, "timeout")}
		result := r.apply(Command{Kind: KindVisibility, Changes: []VisibilityChange{change}})
		require.Equal(r.T, []Code{r.model.changeVisibility(r.nowMs, &change)}, result.Codes)
	}
}

// repeat sends a command once more. It must be answered as before, but for messages that have moved on, and change
// nothing.
func (r *modelRun) repeat() {
	past := rapid.SampledFrom(r.past).Draw(r.T, "repeated")
	r.model.expire(r.nowMs)
	r.applyBoth(mustEncode(Command{Kind: KindExpire, Partition: PartitionID{Queue: 1}}))
	before := r.kept.Digest()
	result := r.applyBoth(past.operation)
	require.Equal(r.T, before, r.kept.Digest())
	if result.Code == StaleSession {
		return
	}
	require.Equal(r.T, past.result.Sent, result.Sent)
	require.Equal(r.T, past.result.Codes, result.Codes)
	for i := range result.Messages {
		require.Contains(r.T, past.result.Messages, result.Messages[i])
	}
}

func mustEncode(c Command) []byte { return c.Encode() }

// checkReads compares the reads at nowMs, before any command has moved the machine there, with the model.
func (r *modelRun) checkReads() {
	id := PartitionID{Queue: 1}
	stats, ok := r.kept.Stats(id, r.nowMs)
	require.True(r.T, ok)
	later := r.model
	later.messages, later.dedup = slices.Clone(later.messages), slices.Clone(later.dedup)
	later.flights, later.since = slices.Clone(later.flights), maps.Clone(later.since)
	later.expire(r.nowMs)
	require.Equal(r.T, later.stats(r.nowMs), stats)
	receivable := r.kept.Receivable(id, r.nowMs)
	require.Equal(r.T, len(later.deliverable(r.nowMs)) > 0, receivable)
	if receivable {
		return
	}
	// Nothing may become receivable before NextEvent says so.
	quietMs := r.nowMs + MaxVisibilityMs
	if nextMs, ok := r.kept.NextEvent(id, r.nowMs); ok {
		require.Greater(r.T, nextMs, r.nowMs)
		quietMs = nextMs - 1
	}
	require.False(r.T, r.kept.Receivable(id, quietMs))
}

// apply gives a new command to both machines, and lets the model's time pass.
func (r *modelRun) apply(c Command) *Result {
	r.seq++
	c.Session, c.Seq, c.LowWater = 1, r.seq, max(r.seq, 10)-9
	c.Partition, c.SettingsVersion = PartitionID{Queue: 1}, 1
	operation := c.Encode()
	r.model.expire(r.nowMs)
	result := r.applyBoth(operation)
	require.Equal(r.T, OK, result.Code)
	r.past = append(r.past, pastCommand{operation: operation, result: result})
	return result
}

func (r *modelRun) applyBoth(operation []byte) *Result {
	result := r.kept.Apply(r.nowMs, [][]byte{bytes.Clone(operation)})[0].(*Result)
	other := r.restored.Apply(r.nowMs, [][]byte{bytes.Clone(operation)})[0].(*Result)
	require.Equal(r.T, result.Encode(), other.Encode())
	require.Equal(r.T, r.kept.Digest(), r.restored.Digest())
	checkIndexes(r.T, r.kept)
	return result
}
