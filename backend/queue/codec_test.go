package queue

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chasqui/node/rpc"
)

// everyCommand has one command of each kind with every field set.
func everyCommand() []Command {
	base := Command{Session: 1 << 63, Seq: 300, LowWater: 299, Partition: PartitionID{Queue: 70_000, Partition: 3}, SettingsVersion: 2}
	var all []Command
	for kind := KindConfigure; kind <= KindExpire; kind++ {
		c := base
		c.Kind = kind
		switch kind {
		case KindConfigure:
			c.Settings = &Settings{Version: 2, FIFO: true, RetentionMs: 345_600_000, DedupPerGroup: true, Delivery: AtMostOnce}
		case KindSend:
			c.Sends = []Send{
				{MessageID: [16]byte{1, 2, 3}, Body: []byte("body"), Attributes: []byte("attributes"), SystemAttributes: []byte("system"),
					SenderID: "sender", Group: "group", DedupID: "dedup", DelayMs: 900_000},
				{Body: []byte("only a body")},
			}
		case KindReceive:
			c.Receive = &Receive{Max: 10, VisibilityMs: 43_200_000, AttemptID: "attempt"}
		case KindDelete:
			c.Deletes = []Handle{{Seq: 1, Receive: 1}, {Seq: 1 << 40, Receive: 1<<32 - 1}}
		case KindVisibility:
			c.Changes = []VisibilityChange{{Handle: Handle{Seq: 7, Receive: 2}, VisibilityMs: 30_000}}
		}
		all = append(all, c)
	}
	more := func(kind Kind, fill func(c *Command)) {
		c := base
		c.Kind = kind
		fill(&c)
		all = append(all, c)
	}
	redrive := Redrive{MaxReceives: 5, Target: Target{Account: "1", Name: "dead"}, SourceARN: "arn:aws:sqs:r:1:q"}
	more(KindConfigure, func(c *Command) {
		c.Settings = &Settings{Version: 3, RetentionMs: 60_000, Delivery: ExactlyOnce, Redrive: redrive}
	})
	more(KindConfigure, func(c *Command) {
		c.Settings = &Settings{Version: 3, FIFO: true, RetentionMs: 60_000, DelayMs: 900_000}
	})
	more(KindConfigure, func(c *Command) {
		c.Settings = &Settings{Version: 3, FIFO: true, RetentionMs: 60_000, DelayMs: 1, Redrive: Redrive{MaxReceives: 1, Target: Target{Account: "1", Name: "d"}, SourceARN: "a"}}
	})
	more(KindTransfer, func(c *Command) {
		c.Transfer = &Transfer{Origin: PartitionID{Queue: 9, Partition: 2}, Messages: []Moved{
			{Number: 4, SentMs: 1_700_000_000_000, Receives: 6, SourceARN: "arn", Send: all[1].Sends[1]},
			{Number: 7, Send: Send{MessageID: [16]byte{7}, Group: "group"}},
		}}
	})
	more(KindSettle, func(c *Command) { c.Settle = &Settle{Through: 7, Returned: true} })
	more(KindMoveTask, func(c *Command) {
		c.MoveTask = &MoveTask{Operation: TaskStart, ID: TaskID{1, 2}, Target: Target{Account: "1", Name: "q"}, RateMilli: 500_000}
	})
	more(KindMoveTask, func(c *Command) { c.MoveTask = &MoveTask{Operation: TaskList} })
	more(KindDrop, func(c *Command) {
		c.Keep = &Keep{Settings: Settings{Version: 9, RetentionMs: 60_000, Delivery: ExactlyOnce, Redrive: redrive}, KeepMs: 86_400_000}
	})
	return all
}

func everyResult() []Result {
	return []Result{
		{},
		{Code: QueueDropped},
		{Sent: []Sent{{MessageID: [16]byte{9}, Seq: 12}, {Seq: 3, Duplicate: true}, {Code: BadCommand}}},
		{Messages: []Message{{
			MessageID: [16]byte{1}, Seq: 5, Receive: 2, Body: []byte("body"), Attributes: []byte("a"), SystemAttributes: []byte("s"),
			SenderID: "sender", Group: "group", DedupID: "dedup", SentMs: 1_700_000_000_000, FirstReceiveMs: 1_700_000_000_001,
		}}},
		{Codes: []Code{OK, HandleExpired, NotInFlight, VisibilityTooLong}},
		{Messages: []Message{{Seq: 5, Receive: 2, SentMs: 1, FirstReceiveMs: 2, EarlierReceives: 3, SourceARN: "arn"}}},
		{Code: TaskRunning},
		{Tasks: []TaskState{
			{ID: TaskID{5}, Target: Target{Account: "1", Name: "q"}, RateMilli: 1000, StartedMs: 3, ToMove: 4, Moved: 2},
			{ID: TaskID{4}, Status: TaskFailed, Failure: failureNoQueue},
		}},
	}
}

// TestGoldenBytes pins the formats: journals and peers hold these bytes.
func TestGoldenBytes(t *testing.T) {
	var got strings.Builder
	for _, c := range everyCommand() {
		encoded := c.Encode()
		fmt.Fprintf(&got, "command %v\n%s\n", c.Kind, hex.EncodeToString(encoded))
		decoded, err := DecodeCommand(encoded)
		require.NoError(t, err)
		require.Equal(t, c, decoded)
		require.NoError(t, decoded.Check())
	}
	for i, res := range everyResult() {
		encoded := res.Encode()
		fmt.Fprintf(&got, "result %d\n%s\n", i, hex.EncodeToString(encoded))
		decoded, err := DecodeResult(encoded)
		require.NoError(t, err)
		require.Equal(t, res, decoded)
	}
	requireGolden(t, "testdata/codec.golden", []byte(got.String()))
}

// TestOldestFormat reads the commands of version 1 and finds in them what they said.
func TestOldestFormat(t *testing.T) {
	golden, err := os.ReadFile("testdata/codec-1.golden")
	require.NoError(t, err)
	lines := strings.Split(string(golden), "\n")
	commands := everyCommand()
	require.Equal(t, KindExpire, commands[KindExpire-1].Kind, "the last kind of version 1")
	for i, want := range commands[:KindExpire] {
		if want.Settings != nil {
			want.Settings.Delivery = AtLeastOnce
		}
		require.Equal(t, fmt.Sprintf("command %v", want.Kind), lines[2*i])
		encoded, err := hex.DecodeString(lines[2*i+1])
		require.NoError(t, err)
		got, err := DecodeCommand(encoded)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

func requireGolden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(file, got, 0o644))
		return
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got), "the format has changed: that needs a new version")
}

func TestDecodeRefuses(t *testing.T) {
	command := everyCommand()[1]
	good := command.Encode()
	tooMany := command
	tooMany.Sends = make([]Send, MaxBatch+1)
	longBody := command
	longBody.Sends = []Send{{Body: make([]byte, MaxBodyBytes+1)}}
	longGroup := command
	longGroup.Sends = []Send{{Group: strings.Repeat("g", MaxNameBytes+1)}}
	unknownKind := command
	unknownKind.Kind = KindMoveTask + 1
	for name, encoded := range map[string][]byte{
		"nothing":         nil,
		"a later version": append([]byte{commandVersion + 1}, good[1:]...),
		"version 0":       append([]byte{0}, good[1:]...),
		"cut off":         good[:len(good)-1],
		"bytes left over": append(bytes.Clone(good), 0),
		"too many sends":  tooMany.Encode(),
		"body too long":   longBody.Encode(),
		"group too long":  longGroup.Encode(),
		"unknown kind":    unknownKind.Encode(),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := DecodeCommand(encoded)
			require.ErrorIs(t, err, rpc.ErrMalformed)
			m := NewMachine()
			require.Equal(t, []any{&Result{Code: BadCommand}}, m.Apply(5, [][]byte{encoded}))
			require.Equal(t, Totals{}, m.Totals())
		})
	}
	_, err := DecodeResult(append([]byte{2}, everyResult()[0].Encode()[1:]...))
	require.ErrorIs(t, err, rpc.ErrMalformed)
}

// TestCheck covers commands that decode but make no sense. None of them changes anything.
func TestCheck(t *testing.T) {
	receive := &Receive{Max: 1}
	for name, c := range map[string]Command{
		"low water above seq":       {Session: 1, Seq: 1, LowWater: 2, Kind: KindPurge},
		"no kind":                   {},
		"payload of another kind":   {Kind: KindPurge, Receive: receive},
		"two payloads":              {Kind: KindReceive, Receive: receive, Deletes: []Handle{{}}},
		"no sends":                  {Kind: KindSend},
		"eleven deletes":            {Kind: KindDelete, Deletes: make([]Handle, MaxBatch+1)},
		"settings version 0":        {Kind: KindConfigure, Settings: &Settings{RetentionMs: 1}},
		"no retention":              {Kind: KindConfigure, Settings: &Settings{Version: 1}},
		"retention too long":        {Kind: KindConfigure, Settings: &Settings{Version: 1, RetentionMs: MaxRetentionMs + 1}},
		"negative delay":            {Kind: KindSend, Sends: []Send{{DelayMs: -1}}},
		"delay too long":            {Kind: KindSend, Sends: []Send{{DelayMs: MaxDelayMs + 1}}},
		"receive of none":           {Kind: KindReceive, Receive: &Receive{}},
		"receive of eleven":         {Kind: KindReceive, Receive: &Receive{Max: MaxBatch + 1}},
		"visibility too long":       {Kind: KindReceive, Receive: &Receive{Max: 1, VisibilityMs: MaxVisibilityMs + 1}},
		"redrive after 0":           {Kind: KindConfigure, Settings: &Settings{Version: 1, RetentionMs: 1, Redrive: Redrive{SourceARN: "a"}}},
		"redrive after 1001":        {Kind: KindConfigure, Settings: &Settings{Version: 1, RetentionMs: 1, Redrive: Redrive{MaxReceives: 1001}}},
		"transfer of none":          {Kind: KindTransfer, Transfer: &Transfer{}},
		"transfer without number":   {Kind: KindTransfer, Transfer: &Transfer{Messages: []Moved{{}}}},
		"transfer out of order":     {Kind: KindTransfer, Transfer: &Transfer{Messages: []Moved{{Number: 2}, {Number: 2}}}},
		"transfer with a delay":     {Kind: KindTransfer, Transfer: &Transfer{Messages: []Moved{{Number: 1, Send: Send{DelayMs: 1}}}}},
		"no operation":              {Kind: KindMoveTask, MoveTask: &MoveTask{}},
		"cancel with a rate":        {Kind: KindMoveTask, MoveTask: &MoveTask{Operation: TaskCancel, RateMilli: 1}},
		"unknown delivery":          {Kind: KindConfigure, Settings: &Settings{Version: 1, RetentionMs: 1, Delivery: maxDelivery + 1}},
		"keep of another kind":      {Kind: KindPurge, Keep: &Keep{Settings: Settings{Version: 1, RetentionMs: 1}, KeepMs: 1}},
		"keep for no time":          {Kind: KindDrop, Keep: &Keep{Settings: Settings{Version: 1, RetentionMs: 1}}},
		"keep for too long":         {Kind: KindDrop, Keep: &Keep{Settings: Settings{Version: 1, RetentionMs: 1}, KeepMs: MaxKeepMs + 1}},
		"keep without settings":     {Kind: KindDrop, Keep: &Keep{KeepMs: 1}},
		"delay of a standard queue": {Kind: KindConfigure, Settings: &Settings{Version: 1, RetentionMs: 1, DelayMs: 1}},
		"queue delay too long":      {Kind: KindConfigure, Settings: &Settings{Version: 1, FIFO: true, RetentionMs: 1, DelayMs: MaxDelayMs + 1}},
		"negative timeout":          {Kind: KindVisibility, Changes: []VisibilityChange{{VisibilityMs: -1}}},
	} {
		t.Run(name, func(t *testing.T) {
			require.Error(t, c.Check())
			m := NewMachine()
			require.Equal(t, &Result{Code: BadCommand}, m.ApplyCommand(1, &c))
			require.Equal(t, Totals{}, m.Totals())
		})
	}
}

func FuzzDecodeCommand(f *testing.F) {
	for _, c := range everyCommand() {
		f.Add(c.Encode())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		NewMachine().Apply(1, [][]byte{data})
		c, err := DecodeCommand(data)
		if err != nil {
			return
		}
		again, err := DecodeCommand(c.Encode())
		require.NoError(t, err)
		require.Equal(t, c, again)
	})
}

func FuzzDecodeResult(f *testing.F) {
	for _, res := range everyResult() {
		f.Add(res.Encode())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		res, err := DecodeResult(data)
		if err != nil {
			return
		}
		again, err := DecodeResult(res.Encode())
		require.NoError(t, err)
		require.Equal(t, res, again)
	})
}
