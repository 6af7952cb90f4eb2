package suite

import (
	"fmt"
	"strings"

	"chasqui/sim"
)

// How a process ends, in the words of package os/exec: the product's exit codes, and signals.
const (
	exitStopped = "exit status 0"
	exitError   = "exit status 1" // it cannot start or go on, and said why
	exitPanic   = "exit status 2" // the Go runtime's
	exitFailed  = "exit status 3" // Host.Fail: going on would break a promise
	exitKilled  = "signal: killed"
	exitAsked   = "signal: terminated" // asked to stop before it listened for that
)

// excerptMax bounds how much of a process's last words goes into a report.
const excerptMax = 3000

// ended judges the end of a process, and has the next one started.
func (r *run) ended(m *member, exit string) {
	r.readLog(m) // its last words
	r.mu.Lock()
	words := strings.Join(m.lastWords, "\n")
	reason, excused := m.reason(exit, words)
	kind, text := "exit", fmt.Sprintf("%s ends itself, %s: %s", m.name, exit, lastLine(words))
	if exit == exitKilled && excused {
		kind, text = "crash", m.name+" is killed"
	}
	r.momentLocked(kind, text, m.name)
	r.witness.Ended(m.name)
	r.losesVIPLocked(m.name)
	switch {
	case !excused:
		r.violateLocked(sim.RuleExit, fmt.Sprintf("%s ended, %s; its last words: %s", m.name, exit, excerpt(words)))
	case reason != nil:
		r.happenLocked(reason)
	}
	r.exits++
	gone := m.gone
	m.gone = nil
	again := m.held == 0 && !r.over
	r.mu.Unlock()
	close(gone)
	if again {
		r.startSoon(m, restartAfter)
	}
}

// reason finds the fault that explains the end of a process; nil and true if it is no fault's but all is well. It notes a
// refusal. The run's mu is held.
func (m *member) reason(exit, words string) (reason *active, excused bool) {
	failpoint := func(kinds ...sim.FaultKind) *active {
		for _, kind := range kinds {
			if a := m.failpoints[kind]; a != nil {
				return a
			}
		}
		return nil
	}
	switch exit {
	case exitKilled:
		return m.killed, m.killed != nil
	case exitStopped, exitAsked:
		return m.asked, m.asked != nil
	case exitPanic:
		if strings.Contains(words, "failpoint panic") {
			reason = failpoint(FailpointAt, FailpointBoot, FailpointRejoin)
		}
	case exitFailed:
		switch {
		case strings.Contains(words, syncErrorText):
			reason = failpoint(sim.FsyncError)
		case strings.Contains(words, writeErrorText):
			reason = failpoint(sim.WriteError)
		case strings.Contains(words, "the disk hangs"):
			if reason = failpoint(sim.HungDisk, SlowSync); reason == nil && m.paused {
				return nil, true // who was stopped cannot tell that from a disk that was
			}
		}
	case exitError:
		if m.refuse && strings.Contains(words, refusedText) {
			m.refused = true
			return nil, true
		}
	}
	return reason, reason != nil
}

// refusedText is in the last words of a backend host that the metadata hosts refuse.
const refusedText = "refused"

func excerpt(text string) string {
	if len(text) > excerptMax {
		return "..." + text[len(text)-excerptMax:]
	}
	return text
}

func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return text[strings.LastIndexByte(text, '\n')+1:]
}
