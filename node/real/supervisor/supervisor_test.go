//go:build linux

package supervisor

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chasqui/node"
	"chasqui/node/real"
)

const patience = 10 * time.Second // a test's longest wait for something that should take milliseconds

// This test binary is also the child that the tests run, in one of these ways.
const roleVariable = "CHASQUI_SUPERVISOR_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case "":
		os.Exit(m.Run())
	case "supervise":
		superviseOne()
	}
	switch os.Args[1] {
	case "serve": // until SIGTERM
		fmt.Println("serving")
		terminated := make(chan os.Signal, 1)
		signal.Notify(terminated, syscall.SIGTERM)
		<-terminated
		fmt.Println("stopping")
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("serving")
		select {}
	case "fail":
		os.Exit(7)
	}
}

// superviseOne is a supervisor that prints its child's process id and waits to be killed.
func superviseOne() {
	host, err := real.New(real.Options{Name: "supervisor"})
	if err != nil {
		panic(err)
	}
	s, err := New(host, DefaultConfig())
	if err != nil {
		panic(err)
	}
	os.Setenv(roleVariable, "child")
	if err := s.Start(Child{Name: "child", Path: os.Args[0], Args: []string{"serve"}}); err != nil {
		panic(err)
	}
	fmt.Println(s.Statuses()[0].PID)
	select {}
}

type fixture struct {
	*Supervisor
	changes chan Status
	dir     string
}

func start(t *testing.T, cfg Config) fixture {
	t.Helper()
	t.Setenv(roleVariable, "child")
	host, err := real.New(real.Options{Name: "test", LogOutput: io.Discard})
	require.NoError(t, err)
	f := fixture{changes: make(chan Status, 100), dir: t.TempDir()}
	cfg.Changed = func(s Status) { f.changes <- s }
	f.Supervisor, err = New(host, cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.Stop()) })
	return f
}

func quick() Config { return Config{RestartDelay: time.Millisecond, StopTimeout: patience} }

func (f fixture) child(name string, args ...string) Child {
	return Child{Name: name, Path: os.Args[0], Args: args, LogFile: filepath.Join(f.dir, name+".log")}
}

// await reads changes until one satisfies the condition.
func (f fixture) await(t *testing.T, what string, condition func(Status) bool) Status {
	t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case status := <-f.changes:
			if condition(status) {
				return status
			}
		case <-timeout:
			require.FailNow(t, "never came: "+what)
		}
	}
}

func (f fixture) log(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(f.dir, name+".log"))
	require.NoError(t, err)
	return string(content)
}

func (f fixture) awaitLog(t *testing.T, name, text string) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(f.log(t, name), text) }, patience, time.Millisecond, text)
}

func TestADeadChildIsStartedAgain(t *testing.T) {
	f := start(t, quick())
	require.NoError(t, f.Start(f.child("a", "serve")))
	first := f.await(t, "start", Status.Running)
	require.NoError(t, syscall.Kill(first.PID, syscall.SIGKILL))
	ended := f.await(t, "end", func(s Status) bool { return !s.Running() })
	require.Equal(t, "signal: killed", ended.LastExit)
	again := f.await(t, "second start", Status.Running)
	require.Equal(t, 1, again.Restarts)
	require.NotEqual(t, first.PID, again.PID)
	require.Equal(t, []Status{again}, f.Statuses())
}

func TestTheRestartWaits(t *testing.T) {
	cfg := quick()
	cfg.RestartDelay = 100 * time.Millisecond
	f := start(t, cfg)
	require.NoError(t, f.Start(f.child("a", "fail")))
	first := f.await(t, "start", Status.Running)
	require.Equal(t, "exit status 7", f.await(t, "end", func(s Status) bool { return !s.Running() }).LastExit)
	second := f.await(t, "second start", Status.Running)
	require.GreaterOrEqual(t, second.StartedAt.Sub(first.StartedAt), cfg.RestartDelay)
}

func TestNoRestartLeavesAChildDead(t *testing.T) {
	f := start(t, quick())
	child := f.child("a", "fail")
	child.NoRestart = true
	require.NoError(t, f.Start(child))
	f.await(t, "end", func(s Status) bool { return !s.Running() })
	require.NoError(t, f.StopChild("a")) // returns once nothing looks after the child any more
	require.Equal(t, 0, f.Statuses()[0].Restarts)
}

func TestStopEndsTheLastStartedFirst(t *testing.T) {
	f := start(t, quick())
	for _, name := range []string{"a", "b", "c"} {
		require.NoError(t, f.Start(f.child(name, "serve")))
		f.awaitLog(t, name, "serving")
	}
	require.NoError(t, f.Stop())
	var ended []string
	close(f.changes)
	for status := range f.changes {
		if !status.Running() {
			ended = append(ended, status.Name)
			require.Equal(t, "exit status 0", status.LastExit)
		}
	}
	require.Equal(t, []string{"c", "b", "a"}, ended)
	require.Contains(t, f.log(t, "a"), "stopping")
	require.ErrorIs(t, f.Start(f.child("d", "serve")), ErrStopped)
}

func TestAStubbornChildIsKilled(t *testing.T) {
	cfg := quick()
	cfg.StopTimeout = 50 * time.Millisecond
	f := start(t, cfg)
	require.NoError(t, f.Start(f.child("a", "stubborn")))
	f.awaitLog(t, "a", "serving")
	require.NoError(t, f.StopChild("a"))
	require.Equal(t, "signal: killed", f.Statuses()[0].LastExit)
}

func TestChildrenHaveProcessGroupsOfTheirOwn(t *testing.T) {
	f := start(t, quick())
	require.NoError(t, f.Start(f.child("a", "serve")))
	pid := f.await(t, "start", Status.Running).PID
	group, err := syscall.Getpgid(pid)
	require.NoError(t, err)
	require.Equal(t, pid, group)
}

func TestWhatCannotBeStartedIsAnError(t *testing.T) {
	f := start(t, quick())
	require.ErrorIs(t, f.Start(Child{Name: "a", Path: filepath.Join(f.dir, "missing")}), os.ErrNotExist)
	require.Empty(t, f.Statuses())
	require.NoError(t, f.Start(f.child("b", "serve")))
	require.ErrorContains(t, f.Start(f.child("b", "serve")), "exists")
	require.ErrorContains(t, f.StopChild("c"), "no such child")
	unwritable := f.child("d", "serve")
	unwritable.LogFile = filepath.Join(f.dir, "missing", "log")
	require.ErrorIs(t, f.Start(unwritable), os.ErrNotExist)
}

func TestAnImpossibleConfigIsRefused(t *testing.T) {
	_, err := New(node.Host{}, Config{RestartDelay: -1, StopTimeout: 1})
	require.Error(t, err)
	_, err = New(node.Host{}, Config{})
	require.Error(t, err)
}

// The children of a supervisor that gets no chance to stop them die with it, wherever the Go runtime ran the code that
// started them.
func TestChildrenDieWithAKilledSupervisor(t *testing.T) {
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), roleVariable+"=supervise")
	output, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	line, err := bufio.NewReader(output).ReadString('\n')
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, 0), "the child runs")
	require.NoError(t, command.Process.Kill())
	require.Error(t, command.Wait())
	require.Eventually(t, func() bool { return gone(pid) }, patience, time.Millisecond, "the child has ended")
}

// gone reports whether a process has ended; where nobody reaps orphans it may stay as a zombie.
func gone(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(stat), ") Z ")
}
