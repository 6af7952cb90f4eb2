package leader

import (
	"encoding/hex"
	"log/slog"
	"strconv"

	"chasqui/backend/queue"
)

// ApplyLog returns a replication.Config.Audit that logs every entry of a slot that a host has applied, for those who want to check
// what was answered against what was done: package linearizability does (Audit), on a simulated cluster or a real one. It has no
// bodies and no receipt handles. The record is
//
//	msg=applied group=slot-3 index=17 at=1700000000000 commands=COMMAND;COMMAND...
//
// with the replicated time in ms, and for each COMMAND, separated by slashes:
//
//	kind/queue/partition/session/seq/lowWater/settingsVersion/input/code/output
//
//	kind        input                             output
//	configure   version:fifo:retentionMs:dedupPerGroup:delivery:maxReceives:delayMs
//	drop        nothing, or what configure has:keepMs
//	send        id:group:dedupID:delayMs + ...    id:seq:duplicate:code + ...
//	receive     max:visibilityMs:attemptID        id:seq:receive + ...
//	delete      seq:receive + ...                 code + ...
//	visibility  seq:receive:visibilityMs + ...    code + ...
//	transfer    queue.partition (the origin) + number:id:group:sentMs:receives:source + ...
//	settle      through:returned
//	move-task   operation:id:rateMilli:target     of a list: id:status:moved + ...
//
// A receive or a step of a task that has set messages aside says so behind the rest of its output: aside:number:seq + ...
// Operations and states of tasks are numbers (queue.TaskOperation, queue.TaskStatus); a task's target is 1 if it names a queue,
// 0 if each message moves to where it came from. Entries are joined by plus signs. Ids are hexadecimal, booleans 0 or 1, and in
// the names that clients choose every byte but letters, digits, '.', '_' and '-' is written as %XX. So the log's text form
// needs no quotes.
func ApplyLog(log *slog.Logger, group string) func(index uint64, nowMs int64, operations [][]byte, results []any) {
	return func(index uint64, nowMs int64, operations [][]byte, results []any) {
		var text []byte
		for i, operation := range operations {
			command, err := queue.DecodeCommand(operation)
			if err != nil {
				continue // it was answered BadCommand and did nothing
			}
			if len(text) > 0 {
				text = append(text, ';')
			}
			text = appendApplied(text, &command, results[i].(*queue.Result))
		}
		if len(text) > 0 {
			log.Info("applied", "group", group, "index", index, "at", nowMs, "commands", string(text))
		}
	}
}

func appendApplied(b []byte, c *queue.Command, r *queue.Result) []byte {
	b = append(b, c.Kind.String()...)
	for _, number := range [...]uint64{c.Partition.Queue, uint64(c.Partition.Partition), c.Session, c.Seq, c.LowWater, c.SettingsVersion} {
		b = strconv.AppendUint(append(b, '/'), number, 10)
	}
	b = appendInput(append(b, '/'), c)
	b = append(append(b, '/'), r.Code.String()...)
	return appendOutput(append(b, '/'), r)
}

func appendInput(b []byte, c *queue.Command) []byte {
	switch c.Kind {
	case queue.KindConfigure:
		b = appendSettings(b, c.Settings)
	case queue.KindDrop:
		if c.Keep != nil {
			b = strconv.AppendInt(append(appendSettings(b, &c.Keep.Settings), ':'), c.Keep.KeepMs, 10)
		}
	case queue.KindSend:
		for i := range c.Sends {
			s := &c.Sends[i]
			b = hex.AppendEncode(appendPlus(b, i), s.MessageID[:])
			b = appendName(append(b, ':'), s.Group)
			b = appendName(append(b, ':'), s.DedupID)
			b = strconv.AppendInt(append(b, ':'), s.DelayMs, 10)
		}
	case queue.KindReceive:
		b = strconv.AppendInt(b, int64(c.Receive.Max), 10)
		b = strconv.AppendInt(append(b, ':'), c.Receive.VisibilityMs, 10)
		b = appendName(append(b, ':'), c.Receive.AttemptID)
	case queue.KindDelete:
		for i, handle := range c.Deletes {
			b = appendHandle(appendPlus(b, i), handle)
		}
	case queue.KindVisibility:
		for i, change := range c.Changes {
			b = appendHandle(appendPlus(b, i), change.Handle)
			b = strconv.AppendInt(append(b, ':'), change.VisibilityMs, 10)
		}
	case queue.KindTransfer:
		b = appendTransfer(b, c.Transfer)
	case queue.KindSettle:
		b = strconv.AppendUint(b, c.Settle.Through, 10)
		b = appendBool(append(b, ':'), c.Settle.Returned)
	case queue.KindMoveTask:
		b = strconv.AppendUint(b, uint64(c.MoveTask.Operation), 10)
		b = hex.AppendEncode(append(b, ':'), c.MoveTask.ID[:])
		b = strconv.AppendUint(append(b, ':'), uint64(c.MoveTask.RateMilli), 10)
		b = appendBool(append(b, ':'), c.MoveTask.Target != queue.Target{})
	}
	return b
}

func appendTransfer(b []byte, t *queue.Transfer) []byte {
	b = strconv.AppendUint(b, t.Origin.Queue, 10)
	b = strconv.AppendUint(append(b, '.'), uint64(t.Origin.Partition), 10)
	for i := range t.Messages {
		m := &t.Messages[i]
		b = strconv.AppendUint(append(b, '+'), m.Number, 10)
		b = hex.AppendEncode(append(b, ':'), m.MessageID[:])
		b = appendName(append(b, ':'), m.Group)
		b = strconv.AppendInt(append(b, ':'), m.SentMs, 10)
		b = strconv.AppendUint(append(b, ':'), uint64(m.Receives), 10)
		b = appendName(append(b, ':'), m.SourceARN)
	}
	return b
}

func appendSettings(b []byte, s *queue.Settings) []byte {
	b = strconv.AppendUint(b, s.Version, 10)
	b = appendBool(append(b, ':'), s.FIFO)
	b = strconv.AppendInt(append(b, ':'), s.RetentionMs, 10)
	b = appendBool(append(b, ':'), s.DedupPerGroup)
	b = append(append(b, ':'), s.Delivery.String()...)
	b = strconv.AppendUint(append(b, ':'), uint64(s.Redrive.MaxReceives), 10)
	return strconv.AppendInt(append(b, ':'), s.DelayMs, 10)
}

// appendOutput writes what a result has besides its code; of the first four it has at most one.
func appendOutput(b []byte, r *queue.Result) []byte {
	for i := range r.Sent {
		s := &r.Sent[i]
		b = hex.AppendEncode(appendPlus(b, i), s.MessageID[:])
		b = strconv.AppendUint(append(b, ':'), s.Seq, 10)
		b = appendBool(append(b, ':'), s.Duplicate)
		b = append(append(b, ':'), s.Code.String()...)
	}
	for i := range r.Messages {
		m := &r.Messages[i]
		b = hex.AppendEncode(appendPlus(b, i), m.MessageID[:])
		b = appendHandle(append(b, ':'), m.Handle())
	}
	for i, code := range r.Codes {
		b = append(appendPlus(b, i), code.String()...)
	}
	for i := range r.Tasks {
		t := &r.Tasks[i]
		b = hex.AppendEncode(appendPlus(b, i), t.ID[:])
		b = strconv.AppendUint(append(b, ':'), uint64(t.Status), 10)
		b = strconv.AppendUint(append(b, ':'), t.Moved, 10)
	}
	for i, aside := range r.Aside {
		b = append(appendPlus(b, i+len(r.Messages)), "aside"...)
		b = strconv.AppendUint(append(b, ':'), aside.Number, 10)
		b = strconv.AppendUint(append(b, ':'), aside.Seq, 10)
	}
	return b
}

func appendHandle(b []byte, h queue.Handle) []byte {
	b = strconv.AppendUint(b, h.Seq, 10)
	return strconv.AppendUint(append(b, ':'), uint64(h.Receive), 10)
}

func appendPlus(b []byte, i int) []byte {
	if i > 0 {
		return append(b, '+')
	}
	return b
}

func appendBool(b []byte, set bool) []byte {
	if set {
		return append(b, '1')
	}
	return append(b, '0')
}

func appendName(b []byte, name string) []byte {
	const digits = "0123456789ABCDEF"
	for i := range len(name) {
		switch c := name[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '_', c == '-':
			b = append(b, c)
		default:
			b = append(b, '%', digits[c>>4], digits[c&15])
		}
	}
	return b
}
