package wasi_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"chasqui/node/virtual/abi"
	"chasqui/sim/wasi"
	"chasqui/sim/world"
)

// startWall is the fake machine's wall clock at its beginning: 1970-01-01 01:00.
const startWall = 3600e9

// machine is a virtual machine without a network to speak of: a dial ends as dialled says, what is sent is taken, and
// whoever receives gets zeros. Its time stands still but for 100 ns per call, and for what run adds.
type machine struct {
	now       int64
	random    *rand.Rand
	output    [3]bytes.Buffer
	events    []abi.Event
	dialled   abi.Errno
	calls     int
	killAt    int // the call that the program does not survive; 0: none
	panicWith any // what the next call panics with
	sent      int
}

var _ wasi.Machine = (*machine)(nil)

func newMachine(seed uint64) *machine { return &machine{random: rand.New(rand.NewPCG(seed, 0))} }

func (m *machine) enter() {
	m.now += 100
	if m.calls++; m.calls == m.killAt {
		panic(world.Killed{})
	}
	if m.panicWith != nil {
		panic(m.panicWith)
	}
}

func (m *machine) Wall() int64      { m.enter(); return startWall + m.now }
func (m *machine) Monotonic() int64 { m.enter(); return m.now }

func (m *machine) Random(p []byte) {
	m.enter()
	for i := range p {
		p[i] = byte(m.random.Uint32())
	}
}

func (m *machine) Output(fd int32, p []byte) { m.enter(); m.output[fd].Write(p) }

func (m *machine) Events(p []abi.Event) int {
	m.enter()
	n := copy(p, m.events)
	m.events = m.events[n:]
	return n
}

func (m *machine) EventsWait() bool { return len(m.events) > 0 }

func (m *machine) Listen(string) (uint32, abi.Errno)       { return 0, abi.Invalid }
func (m *machine) CloseListener(uint32) abi.Errno          { return abi.BadID }
func (m *machine) CloseWrite(uint32) abi.Errno             { return 0 }
func (m *machine) Close(uint32) abi.Errno                  { return 0 }
func (m *machine) Receive(uint32, []byte) (int, abi.Errno) { m.enter(); return 1, 0 }

func (m *machine) Dial(string) (uint32, abi.Errno) {
	m.events = append(m.events, abi.Event{Kind: abi.EventConnected, ID: 9, Arg: uint64(m.dialled)})
	return 9, 0
}

func (m *machine) Address(uint32, uint32) (string, abi.Errno) { return "10.0.0.1:80", 0 }

func (m *machine) Send(_ uint32, p []byte) (int, abi.Errno) {
	m.enter()
	m.sent += len(p)
	return len(p), 0
}

// Disk has every operation end later, though at once.
func (m *machine) Disk(abi.DiskOp, uint32, int64, string, []byte) int64 {
	m.enter()
	m.events = append(m.events, abi.Event{Kind: abi.EventDisk, ID: uint32(m.calls)})
	return abi.Pending(uint32(m.calls))
}

func (m *machine) DiskResult(uint32, []byte) int64 { m.enter(); return 1 }

// run lets the program run to its end, and time pass whenever it waits for a moment.
func (m *machine) run(t testing.TB, i *wasi.Instance) (code uint32, detail string) {
	t.Helper()
	for {
		wait, running := i.Resume()
		if !running {
			return i.Exit()
		}
		require.True(t, wait.HasDeadline || len(m.events) > 0, "the program waits for nothing")
		if wait.HasDeadline {
			m.now = max(m.now, wait.Deadline)
		}
	}
}
