package queue

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the results in testdata/*.txt and the golden bytes")

// TestScripts runs every testdata/*.txt. A script is a list of commands, each followed by what it gives ("  => ..."
// lines); see testdata/standard.txt for the language. Every command goes through its encoding and Apply, as in a
// slot, and the state is carried over to a fresh machine by a snapshot after every command: a script passes only if
// that changes nothing.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			require.NoError(t, err)
			got := newScript(t).run(string(want))
			if *update {
				require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
				return
			}
			require.Equal(t, string(want), got)
		})
	}
}

// script is the state of one script: two machines that get the same commands, one of which is restored from a snapshot
// every time, and what the commands' words stand for.
type script struct {
	t              *testing.T
	kept, restored *Machine
	nowMs          int64
	partition      PartitionID
	version        uint64
	session        uint64
	seq, lowWater  uint64
	nextMessageID  uint64
}

func newScript(t *testing.T) *script {
	return &script{
		t: t, kept: NewMachine(), restored: NewMachine(), partition: PartitionID{Queue: 1}, version: 1,
	}
}

func (s *script) run(text string) string {
	s.t.Helper()
	var out strings.Builder
	for _, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if strings.HasPrefix(line, "  => ") {
			continue
		}
		out.WriteString(line + "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		for _, result := range s.line(strings.Fields(line)) {
			out.WriteString("  => " + result + "\n")
		}
	}
	return out.String()
}

// line executes one line: a word, then name=value arguments and plain ones.
func (s *script) line(fields []string) []string {
	named := map[string]string{}
	var plain []string
	for _, field := range fields[1:] {
		if name, value, ok := strings.Cut(field, "="); ok {
			named[name] = value
		} else {
			plain = append(plain, field)
		}
	}
	duration := func(name string, fallback time.Duration) int64 {
		if named[name] == "" {
			return fallback.Milliseconds()
		}
		d, err := time.ParseDuration(named[name])
		require.NoError(s.t, err, fields)
		return d.Milliseconds()
	}
	s.header(named)
	switch fields[0] {
	case "at":
		d, err := time.ParseDuration(plain[0])
		require.NoError(s.t, err, fields)
		s.nowMs = d.Milliseconds()
		return nil
	case "session":
		s.session, s.seq, s.lowWater = s.number(plain[0]), 0, 0
		return nil
	case "partition":
		s.partition = PartitionID{Queue: s.number(plain[0])}
		return nil
	case "stats":
		return s.stats()
	case "snapshot":
		return []string{fmt.Sprintf("%d bytes, digest %016x", len(s.snapshot()), s.kept.Digest())}
	case "configure":
		settings := s.settings(named, duration("retention", 4*24*time.Hour))
		return s.apply(Command{Kind: KindConfigure, Settings: &settings})
	case "send":
		return s.apply(Command{Kind: KindSend, Sends: s.sends(plain, named, duration("delay", 0))})
	case "receive":
		maxMessages := 1
		if len(plain) > 0 {
			maxMessages = int(s.number(plain[0]))
		}
		receive := Receive{Max: maxMessages, VisibilityMs: duration("visibility", 30*time.Second), AttemptID: named["attempt"]}
		return s.apply(Command{Kind: KindReceive, Receive: &receive})
	case "delete":
		return s.apply(Command{Kind: KindDelete, Deletes: s.handles(plain)})
	case "visibility":
		var changes []VisibilityChange
		for _, handle := range s.handles(plain) {
			changes = append(changes, VisibilityChange{Handle: handle, VisibilityMs: duration("timeout", 0)})
		}
		return s.apply(Command{Kind: KindVisibility, Changes: changes})
	case "purge":
		return s.apply(Command{Kind: KindPurge})
	case "drop":
		if named["keep"] == "" {
			return s.apply(Command{Kind: KindDrop})
		}
		settings := s.settings(named, duration("retention", 4*24*time.Hour))
		return s.apply(Command{Kind: KindDrop, Keep: &Keep{Settings: settings, KeepMs: duration("keep", 0)}})
	case "expiry":
		if at, ok := s.kept.NextExpiry(s.partition); ok {
			return []string{(time.Duration(at) * time.Millisecond).String()}
		}
		return []string{"never"}
	case "expire":
		return s.apply(Command{Kind: KindExpire})
	default:
		s.t.Fatalf("unknown script command %q", fields)
		return nil
	}
}

func (s *script) settings(named map[string]string, retentionMs int64) Settings {
	settings := Settings{
		Version: s.version, FIFO: named["fifo"] == "true", DedupPerGroup: named["dedup"] == "group", RetentionMs: retentionMs,
	}
	for settings.Delivery < maxDelivery && named["delivery"] != "" && settings.Delivery.String() != named["delivery"] {
		settings.Delivery++
	}
	return settings
}

// header takes the arguments that any command may have.
func (s *script) header(named map[string]string) {
	if named["version"] != "" {
		s.version = s.number(named["version"])
	}
	s.seq++
	if named["seq"] != "" {
		s.seq = s.number(named["seq"])
	}
	if named["low"] != "" {
		s.lowWater = s.number(named["low"])
	}
}

// sends makes one message per word, whose body is the word.
func (s *script) sends(bodies []string, named map[string]string, delayMs int64) []Send {
	var sends []Send
	for _, body := range bodies {
		send := Send{Body: []byte(body), Group: named["group"], DelayMs: delayMs, SenderID: "AIDA", DedupID: named["dedup"]}
		if send.Group != "" && send.DedupID == "" {
			send.DedupID = body
		}
		s.nextMessageID++
		binary.BigEndian.PutUint64(send.MessageID[8:], s.nextMessageID)
		sends = append(sends, send)
	}
	return sends
}

// handles reads words like 3.1: message 3, its first receive.
func (s *script) handles(words []string) []Handle {
	var handles []Handle
	for _, word := range words {
		seq, receive, ok := strings.Cut(word, ".")
		require.True(s.t, ok, "handle %q", word)
		handles = append(handles, Handle{Seq: s.number(seq), Receive: uint32(s.number(receive))})
	}
	return handles
}

func (s *script) number(word string) uint64 {
	n, err := strconv.ParseUint(word, 10, 64)
	require.NoError(s.t, err)
	return n
}

// apply gives the command to both machines, and replaces the restored one by its own snapshot.
func (s *script) apply(c Command) []string {
	c.Session, c.Seq, c.LowWater = s.session, s.seq, s.lowWater
	c.Partition, c.SettingsVersion = s.partition, s.version
	operation := c.Encode()
	result := s.kept.Apply(s.nowMs, [][]byte{operation})[0].(*Result)
	other := s.restored.Apply(s.nowMs, [][]byte{operation})[0].(*Result)
	require.Equal(s.t, result.Encode(), other.Encode(), "the restored machine answers differently")
	checkIndexes(s.t, s.kept)
	s.restored = restore(s.t, snapshotOf(s.t, s.restored))
	require.Equal(s.t, snapshotOf(s.t, s.kept), snapshotOf(s.t, s.restored))
	return describe(result)
}

func (s *script) snapshot() []byte { return snapshotOf(s.t, s.kept) }

func (s *script) stats() []string {
	stats, ok := s.kept.Stats(s.partition, s.nowMs)
	if !ok {
		return []string{"no partition"}
	}
	next := "never"
	if at, ok := s.kept.NextEvent(s.partition, s.nowMs); ok {
		next = (time.Duration(at) * time.Millisecond).String()
	}
	return []string{fmt.Sprintf("visible=%d inflight=%d delayed=%d receivable=%t next=%s",
		stats.Visible, stats.InFlight, stats.Delayed, s.kept.Receivable(s.partition, s.nowMs), next)}
}

// describe prints a result, one line per entry.
func describe(result *Result) []string {
	var lines []string
	for _, sent := range result.Sent {
		line := fmt.Sprintf("seq %d", sent.Seq)
		if sent.Duplicate {
			line += " (duplicate)"
		}
		if sent.Code != OK {
			line = sent.Code.String()
		}
		lines = append(lines, line)
	}
	for _, m := range result.Messages {
		lines = append(lines, fmt.Sprintf("%d.%d %s", m.Seq, m.Receive, m.Body))
	}
	for _, code := range result.Codes {
		lines = append(lines, code.String())
	}
	if len(lines) == 0 {
		lines = append(lines, result.Code.String())
	}
	return lines
}

func snapshotOf(t require.TestingT, m *Machine) []byte {
	snapshot, err := m.Snapshot()
	require.NoError(t, err)
	defer snapshot.Release()
	var buffer bytes.Buffer
	n, err := snapshot.WriteTo(&buffer)
	require.NoError(t, err)
	require.Equal(t, int64(buffer.Len()), n)
	return buffer.Bytes()
}

func restore(t require.TestingT, snapshot []byte) *Machine {
	m := NewMachine()
	require.NoError(t, m.Restore(bytes.NewReader(snapshot)))
	return m
}
