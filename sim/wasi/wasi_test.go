package wasi_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chasqui/node/virtual/abi"
	"chasqui/sim/wasi"
	"chasqui/sim/world"
)

// The engine and the program that all tests use, made by TestMain.
var (
	engine   *wasi.Engine
	guest    *wasi.Program
	original []byte // what guest was compiled from
)

func TestMain(m *testing.M) {
	code, err := runTests(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func runTests(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "wasi-test-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	if engine, err = wasi.NewEngine(ctx, filepath.Join(dir, "cache")); err != nil {
		return 0, err
	}
	if original, err = build(dir, "build", "./testdata/guest"); err != nil {
		return 0, err
	}
	if guest, err = engine.Compile(original); err != nil {
		return 0, err
	}
	code = m.Run()
	return code, engine.Close(ctx)
}

// build returns what the go command makes of a package for wasip1.
func build(dir string, args ...string) ([]byte, error) {
	if err := noteSources("testdata", "../../node"); err != nil {
		return nil, err
	}
	output := filepath.Join(dir, "program.wasm")
	last := len(args) - 1
	command := exec.Command("go", append(args[:last:last], "-o", output, args[last])...)
	command.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "GOFLAGS=")
	if said, err := command.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%v: %w\n%s", command, err, said)
	}
	return os.ReadFile(output)
}

// noteSources reads the source files in some folders, so that the go command knows that a cached result of these tests
// depends on them.
func noteSources(folders ...string) error {
	for _, folder := range folders {
		err := filepath.WalkDir(folder, func(name string, entry fs.DirEntry, err error) error {
			if err == nil && filepath.Ext(name) == ".go" {
				_, err = os.ReadFile(name)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// start makes an instance of the guest.
func start(t testing.TB, m wasi.Machine, args ...string) *wasi.Instance {
	t.Helper()
	i, err := guest.Start(m, wasi.Options{Args: append([]string{"guest"}, args...), Env: []string{"WHERE=in the simulator"}})
	require.NoError(t, err)
	t.Cleanup(i.Kill)
	return i
}

func TestProgramsSeeOnlyTheirMachine(t *testing.T) {
	tests := []struct {
		args   []string
		output string
	}{
		{[]string{"hello", "a b", ""}, "guest hello a b  in the simulator wasip1\n"},
		{[]string{"timers"}, "1ms true 01:00:00\n1s true 01:00:01\n1h0m0s true 02:00:00\n"},
		{[]string{"files"}, "true\ntrue\n0 true\n"},
	}
	for _, test := range tests {
		t.Run(test.args[0], func(t *testing.T) {
			m := newMachine(1)
			code, detail := m.run(t, start(t, m, test.args...))
			require.Zero(t, code, "%s", detail)
			require.Equal(t, test.output, m.output[1].String())
		})
	}
}

func TestOutputsAreKeptApart(t *testing.T) {
	m := newMachine(1)
	m.run(t, start(t, m, "hello"))
	require.Equal(t, "on the standard error output\n", m.output[2].String())
	require.NotContains(t, m.output[1].String(), "error output")
}

func TestRandomnessIsTheMachines(t *testing.T) {
	draw := func(seed uint64) string {
		m := newMachine(seed)
		code, _ := m.run(t, start(t, m, "random"))
		require.Zero(t, code)
		return m.output[1].String()
	}
	require.Equal(t, draw(1), draw(1))
	require.NotEqual(t, draw(1), draw(2))
}

func TestExit(t *testing.T) {
	tests := []struct {
		act      string
		code     uint32
		detail   []string
		limited  uint32
		noDetail bool
	}{
		{act: "hello", code: 0, noDetail: true},
		{act: "fail", code: 7, detail: []string{"the last line"}},
		{act: "panic", code: 2, detail: []string{"panic: the reason", "goroutine 1 [running]", "main.main"}},
		{act: "deadlock", code: 2, detail: []string{"fatal error: all goroutines are asleep - deadlock!"}},
		{act: "hog", code: 2, detail: []string{"out of memory"}, limited: 1024},
	}
	for _, test := range tests {
		t.Run(test.act, func(t *testing.T) {
			m := newMachine(1)
			i, err := guest.Start(m, wasi.Options{Args: []string{"guest", test.act}, MemoryLimitPages: test.limited})
			require.NoError(t, err)
			code, detail := m.run(t, i)
			require.Equal(t, test.code, code)
			for _, part := range test.detail {
				require.Contains(t, detail, part)
			}
			require.Equal(t, test.noDetail, detail == "", "%s", detail)
			require.False(t, strings.HasPrefix(detail, "a first line"))
			i.Kill()
			again, _ := i.Exit()
			require.Equal(t, test.code, again, "killing what has ended is harmless")
			_, running := i.Resume()
			require.False(t, running)
		})
	}
}

func TestKill(t *testing.T) {
	requireKilled := func(t *testing.T, i *wasi.Instance) {
		t.Helper()
		code, detail := i.Exit()
		require.EqualValues(t, wasi.ExitKilled, code)
		require.Equal(t, "killed", detail)
		_, running := i.Resume()
		require.False(t, running)
	}
	t.Run("before the first instruction", func(t *testing.T) {
		m := newMachine(1)
		i := start(t, m, "hello")
		i.Kill()
		requireKilled(t, i)
		require.Zero(t, m.calls)
	})
	t.Run("while it waits", func(t *testing.T) {
		m := newMachine(1)
		i := start(t, m, "timers")
		_, running := i.Resume()
		require.True(t, running)
		i.Kill()
		requireKilled(t, i)
		require.Empty(t, m.output[1].String())
	})
	t.Run("from within a call", func(t *testing.T) {
		for _, at := range []int{1, 2, 1000} {
			m := newMachine(1)
			m.killAt = at
			i := start(t, m, "clocks")
			_, running := i.Resume()
			require.False(t, running)
			requireKilled(t, i)
			require.Equal(t, at, m.calls, "nothing runs after that call")
		}
	})
}

// TestDefectsOfTheMachineComeOut: a panic of the machine is the simulator's, not the program's.
func TestDefectsOfTheMachineComeOut(t *testing.T) {
	m := newMachine(1)
	m.panicWith = "an invariant is broken"
	i := start(t, m, "hello")
	defer func() {
		cause, ok := recover().(string)
		require.True(t, ok)
		require.Contains(t, cause, "an invariant is broken")
		require.Contains(t, cause, "machine_test.go", "the stack tells where")
	}()
	i.Resume()
	require.Fail(t, "the panic is lost")
}

// TestWaiting checks what an idle program tells of itself, and that it wakes for the card.
func TestWaiting(t *testing.T) {
	m := newMachine(1)
	i := start(t, m, "wait")
	_, running := i.Resume()
	require.True(t, running)
	for range 3 {
		before := m.calls
		wait, running := i.Resume()
		require.True(t, running)
		require.LessOrEqual(t, m.calls, before+1, "nothing has happened, so the program does not run: %v", wait)
	}
	m.events = append(m.events, abi.Event{Kind: abi.EventReadable, ID: 77})
	_, running = i.Resume()
	require.True(t, running)
	require.Empty(t, m.events, "the card was read")
}

func TestStopInOrder(t *testing.T) {
	m := newMachine(1)
	i := start(t, m, "stop")
	_, running := i.Resume()
	require.True(t, running)
	m.events = append(m.events, abi.Event{Kind: abi.EventStop})
	code, detail := m.run(t, i)
	require.Zero(t, code, "%s", detail)
	require.Equal(t, "stopping\n", m.output[1].String())
}

func TestErrorsOfTheNetwork(t *testing.T) {
	tests := []struct {
		errno abi.Errno
		want  string
	}{
		{abi.Refused, "dial tcp 10.0.0.1:80: Connection refused\n"},
		{abi.TimedOut, "dial tcp 10.0.0.1:80: Connection timed out\n"},
		{abi.Unreachable, "dial tcp 10.0.0.1:80: Host is unreachable\n"},
		{99, "dial tcp 10.0.0.1:80: the virtual machine answers -99, which means nothing here\n"},
	}
	for _, test := range tests {
		m := newMachine(1)
		m.dialled = test.errno
		m.run(t, start(t, m, "dial"))
		require.Equal(t, test.want, m.output[1].String())
	}
}

func TestWhatCannotBeStarted(t *testing.T) {
	_, err := engine.Compile([]byte("not a program"))
	require.Error(t, err)
	_, err = engine.Compile([]byte("\x00asm\x01\x00\x00\x00"))
	require.ErrorContains(t, err, "_start")
	_, err = guest.Start(newMachine(1), wasi.Options{Args: []string{"guest", "hello"}, MemoryLimitPages: 10})
	require.ErrorContains(t, err, "no memory within the limit of 655360 bytes")
}

// TestInstancesDoNotShare runs two instances in turns, and more on other goroutines.
func TestInstancesDoNotShare(t *testing.T) {
	results := make(chan string, 2)
	for range cap(results) {
		go func() {
			one, other := newMachine(1), newMachine(2)
			instances := []*wasi.Instance{start(t, one, "timers"), start(t, other, "timers")}
			for running := true; running; {
				for n, m := range []*machine{one, other} {
					var wait world.Wait
					wait, running = instances[n].Resume()
					m.now = max(m.now, wait.Deadline)
				}
			}
			results <- one.output[1].String() + other.output[1].String()
		}()
	}
	want := strings.Repeat("1ms true 01:00:00\n1s true 01:00:01\n1h0m0s true 02:00:00\n", 2)
	for range cap(results) {
		require.Equal(t, want, <-results)
	}
}

// TestSameSeedSameCalls: a program's run is a function of what its machine says.
func TestSameSeedSameCalls(t *testing.T) {
	calls := func(seed uint64) (int, int64) {
		m := newMachine(seed)
		code, detail := m.run(t, start(t, m, "disk", "200"))
		require.Zero(t, code, "%s", detail)
		return m.calls, m.now
	}
	oneCalls, oneNow := calls(1)
	againCalls, againNow := calls(1)
	require.Equal(t, oneCalls, againCalls)
	require.Equal(t, oneNow, againNow)
}

// TestSeedsDecideTheOrderOfGoroutines: what a program draws at its start decides who comes first where nothing else does.
func TestSeedsDecideTheOrderOfGoroutines(t *testing.T) {
	const seeds = 8
	run := func(seed uint64) string {
		m := newMachine(seed)
		code, detail := m.run(t, start(t, m, "order"))
		require.Zero(t, code, "%s", detail)
		return m.output[1].String()
	}
	seen := map[string]bool{}
	for seed := range uint64(seeds) {
		order := run(seed)
		require.Equal(t, order, run(seed))
		seen[order] = true
	}
	require.Greater(t, len(seen), seeds/2, "%v", seen)
}

// TestTrap runs a program of one instruction, "unreachable".
func TestTrap(t *testing.T) {
	program, err := engine.Compile([]byte("\x00asm\x01\x00\x00\x00" +
		"\x01\x04\x01\x60\x00\x00" + // one type of function: nothing to nothing
		"\x03\x02\x01\x00" + // one function of it
		"\x05\x03\x01\x00\x01" + // a memory of one page
		"\x07\x13\x02\x06memory\x02\x00\x06_start\x00\x00" + // both exported
		"\x0a\x05\x01\x03\x00\x00\x0b")) // the function's code
	require.NoError(t, err)
	i, err := program.Start(newMachine(1), wasi.Options{})
	require.NoError(t, err)
	_, running := i.Resume()
	require.False(t, running)
	code, detail := i.Exit()
	require.EqualValues(t, wasi.ExitTrap, code)
	require.Contains(t, detail, "unreachable")
}
