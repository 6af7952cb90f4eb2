package sim

import (
	"testing"

	"github.com/stretchr/testify/require"

	"chasqui/sim/disk"
	"chasqui/sim/witness"
	"chasqui/sim/world"
)

// TestOnlyEndsWithAReasonAreExcused says of every way in which a program can end itself whether that is a violation.
func TestOnlyEndsWithAReasonAreExcused(t *testing.T) {
	for _, c := range []struct {
		name       string
		end        world.End
		asked      bool
		troubled   bool
		failpoints string
		violates   bool
		rejoins    bool
	}{
		{name: "in order, asked to", end: world.End{Code: exitStopped}, asked: true},
		{name: "in order, though nobody asked", end: world.End{Code: exitStopped}, violates: true},
		{name: "a broken promise", end: world.End{Code: exitFailed}, violates: true},
		{name: "a broken promise on a bad disk", end: world.End{Code: exitFailed}, troubled: true},
		{name: "an error", end: world.End{Code: exitError, Detail: "port in use"}, violates: true},
		{name: "an error on a bad disk", end: world.End{Code: exitError, Detail: "disk full"}, troubled: true},
		{name: "a request to rejoin", end: world.End{Code: exitError, Detail: "start with --rejoin"}, violates: true},
		{name: "a request to rejoin from a bad disk", end: world.End{Code: exitError, Detail: "start with --rejoin"}, troubled: true, rejoins: true},
		{name: "a panic", end: world.End{Code: exitPanic, Detail: "panic: index out of range"}, violates: true},
		{name: "a panic on a bad disk", end: world.End{Code: exitPanic, Detail: "panic: index out of range"}, troubled: true, violates: true},
		{name: "a panic of a failpoint", end: world.End{Code: exitPanic, Detail: "panic: failpoint panic"}, failpoints: "x=panic"},
		{name: "that panic without a failpoint", end: world.End{Code: exitPanic, Detail: "panic: failpoint panic"}, violates: true},
		{name: "killed", end: world.End{Crash: world.CrashKill}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := SteadyScenario()
			r := &run{scenario: s, result: &Result{Scenario: s}, happened: map[FaultKind]int{}}
			r.witness = witness.New(observer{r})
			r.buildWorld()
			m := r.member("backend-1")
			m.asked, m.troubled = c.asked, c.troubled
			if c.failpoints != "" {
				s.Failpoints = map[string]string{"backend-1": c.failpoints}
			}
			r.ended(m, c.end)
			require.Equal(t, c.violates, len(r.result.Violations) == 1, "%+v", r.result.Violations)
			require.Equal(t, c.rejoins, m.rejoin)
			require.NotNil(t, m.booting, "it is started again")
		})
	}
}

// TestACommandMayFailButNotPanic says which ends of an administrator's command are violations.
func TestACommandMayFailButNotPanic(t *testing.T) {
	for code, violates := range map[uint32]bool{exitStopped: false, exitError: false, exitPanic: true, exitFailed: true} {
		s := SteadyScenario()
		s.Topology.Consoles = 1
		r := &run{scenario: s, result: &Result{Scenario: s}, happened: map[FaultKind]int{}}
		r.buildWorld()
		r.consoles[0].ended(r.consoles[0].member.host, world.End{Code: code})
		require.Equal(t, violates, len(r.result.Violations) == 1, "code %d", code)
	}
}

// TestJournalsAreExcusedOnlyIfTheirBytesMayBeWrong says which faults keep a journal from being verified.
func TestJournalsAreExcusedOnlyIfTheirBytesMayBeWrong(t *testing.T) {
	for kind, damages := range map[FaultKind]bool{
		SlowDisk: false, HungDisk: false, FullDisk: false, FsyncError: false, WriteError: false,
		Misdirected: true, StaleRead: true, LyingDisk: true,
	} {
		s := SteadyScenario()
		r := &run{scenario: s, result: &Result{Scenario: s}, random: world.Stream(1, "test")}
		m := &member{disk: disk.New(world.Stream(1, "disk"), disk.DefaultConfig())}
		faultKinds[kind].begin(r, &activeFault{Fault: Fault{Kind: kind, Arg: 1}, on: []*member{m}})
		require.True(t, m.troubled, kind)
		require.Equal(t, damages, m.damaged, kind)
	}
}
