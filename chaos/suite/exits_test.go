package suite

import (
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chasqui/sim"
)

// TestOnlyEndsWithAReasonAreExcused says of every way in which a process can end whether that is a violation, and which fault
// it proves.
func TestOnlyEndsWithAReasonAreExcused(t *testing.T) {
	fault := &active{}
	at := func(kinds ...sim.FaultKind) map[sim.FaultKind]*active {
		all := map[sim.FaultKind]*active{}
		for _, kind := range kinds {
			all[kind] = fault
		}
		return all
	}
	for _, c := range []struct {
		name        string
		member      member
		exit, words string
		proves      bool
		excused     bool
	}{
		{name: "killed", member: member{killed: fault}, exit: exitKilled, proves: true, excused: true},
		{name: "killed by somebody else", exit: exitKilled},
		{name: "in order, asked to", member: member{asked: fault}, exit: exitStopped, proves: true, excused: true},
		{name: "asked to before it listened", member: member{asked: fault}, exit: exitAsked, proves: true, excused: true},
		{name: "in order, though nobody asked", exit: exitStopped},
		{name: "asked to, and failed", member: member{asked: fault}, exit: exitFailed},
		{name: "asked to, and did not end", member: member{asked: fault}, exit: exitKilled},
		{name: "a panic", exit: exitPanic, words: "panic: index out of range"},
		{name: "a panic of a failpoint", member: member{failpoints: at(FailpointAt)}, exit: exitPanic, words: "panic: failpoint panic: {}", proves: true, excused: true},
		{name: "that panic at the start", member: member{failpoints: at(FailpointBoot)}, exit: exitPanic, words: "panic: failpoint panic: {}", proves: true, excused: true},
		{name: "that panic without a failpoint", exit: exitPanic, words: "panic: failpoint panic: {}"},
		{name: "another panic at a failpoint", member: member{failpoints: at(FailpointAt)}, exit: exitPanic, words: "panic: nil map"},
		{name: "a sync that failed", member: member{failpoints: at(sim.FsyncError)}, exit: exitFailed, words: syncErrorText, proves: true, excused: true},
		{name: "a write that failed", member: member{failpoints: at(sim.WriteError)}, exit: exitFailed, words: writeErrorText, proves: true, excused: true},
		{name: "another failure then", member: member{failpoints: at(sim.WriteError)}, exit: exitFailed, words: "leader without a log"},
		{name: "a disk that hangs", member: member{failpoints: at(sim.HungDisk)}, exit: exitFailed, words: "the disk hangs: a sync", proves: true, excused: true},
		{name: "a pause that looks like it", member: member{paused: true}, exit: exitFailed, words: "the disk hangs: a sync", excused: true},
		{name: "a disk that hangs by itself", exit: exitFailed, words: "the disk hangs: a sync"},
		{name: "refused with an old folder", member: member{refuse: true}, exit: exitError, words: "chasqui: refused by the metadata service", excused: true},
		{name: "refused with its own folder", exit: exitError, words: "chasqui: refused by the metadata service"},
		{name: "another error on an old folder", member: member{refuse: true}, exit: exitError, words: "port in use"},
		{name: "a data race", exit: "exit status 66", words: "WARNING: DATA RACE"},
	} {
		t.Run(c.name, func(t *testing.T) {
			reason, excused := c.member.reason(c.exit, c.words)
			require.Equal(t, c.excused, excused)
			require.Equal(t, c.proves, reason != nil)
			require.Equal(t, c.excused && c.member.refuse, c.member.refused)
		})
	}
}

func TestTheKernelSaysWhoStands(t *testing.T) {
	require.False(t, stands(1<<22+1), "no process has that number")
	command := exec.Command("cat") // which waits for its input
	input, err := command.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	require.False(t, stands(command.Process.Pid))
	require.NoError(t, command.Process.Signal(syscall.SIGSTOP))
	require.Eventually(t, func() bool { return stands(command.Process.Pid) }, pauseSeen, time.Millisecond)
	require.NoError(t, command.Process.Signal(syscall.SIGCONT))
	require.NoError(t, input.Close())
	require.NoError(t, command.Wait())
}
