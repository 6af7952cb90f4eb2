package suite

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"chasqui/linearizability"
	"chasqui/node"
	"chasqui/node/real"
	"chasqui/sim"
	"chasqui/sim/disk"
	"chasqui/sim/workload"
)

// disturbedAfter is how long after the faults a long poll may still miss a message, as in the simulator.
const disturbedAfter = 10 * time.Second

// missingShown is how many messages that were never received a report names.
const missingShown = 5

// judgeLiveness checks, when the time for recovery is over, that the cluster works again.
func (r *run) judgeLiveness(missing []workload.Missing, healed time.Duration) {
	r.count(sim.RuleDrains, 1)
	if !r.work.Drained() {
		text := fmt.Sprintf("%v after the faults ended, queues %s are not drained; %d acknowledged messages were never received",
			r.result.RecoveredAfter.Round(time.Millisecond), strings.Join(r.work.Undrained(), ", "), len(missing))
		for _, m := range missing[:min(len(missing), missingShown)] {
			text += fmt.Sprintf("; %+v", m)
		}
		r.violate(sim.RuleDrains, text)
		return
	}
	sends := map[string]bool{}
	for _, op := range r.recorder.History() {
		if op.Kind == linearizability.Send && op.Outcome == linearizability.OK && op.Call > int64(healed) {
			sends[op.Queue] = true
		}
	}
	for _, q := range r.plan.Workload.Queues {
		if q.Exempt || !slices.ContainsFunc(r.plan.Workload.Producers, func(p workload.Producer) bool { return p.Queue == q.Name }) {
			continue
		}
		r.count(sim.RuleSendsAgain, 1)
		if !sends[q.Name] {
			r.violate(sim.RuleSendsAgain, fmt.Sprintf("no send to %s succeeded within %v after the faults ended", q.Name, r.plan.Proof))
		}
	}
}

func (r *run) count(rule string, by int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.checked[rule] += by
}

// judge completes the result once everything has stopped.
func (r *run) judge() error {
	res := r.result
	res.RealTime = res.VirtualTime
	res.Stats = r.work.Stats()
	res.History = r.recorder.History()
	res.Hosts = hosts()
	for _, text := range r.work.Violations() {
		r.violate(sim.RuleAnswer, text)
	}
	r.checked[sim.RuleAnswer] = res.Stats.Requests
	r.checked[sim.RuleExit] = r.exits
	r.checked[RuleStops] = len(servers()) + r.happened[sim.Stop]
	r.checked[RuleRefused] = r.happened[OldFolder]
	for rule, number := range r.witness.Checked() {
		r.checked[rule] += number
	}
	if err := r.verifyJournals(); err != nil {
		return err
	}
	r.judgeHistory()
	for _, kind := range slices.Sorted(maps.Keys(r.injected)) {
		res.Injected = append(res.Injected, sim.FaultCount{Kind: kind, Number: r.injected[kind]})
	}
	for _, kind := range slices.Sorted(maps.Keys(r.happened)) {
		res.Happened = append(res.Happened, sim.FaultCount{Kind: kind, Number: r.happened[kind]})
	}
	for _, rule := range slices.Sorted(maps.Keys(r.checked)) {
		res.Checked = append(res.Checked, sim.RuleCount{Rule: rule, Number: r.checked[rule]})
	}
	// Logs are read a little later than they are written.
	slices.SortStableFunc(res.Story, func(a, b sim.Moment) int { return cmp.Compare(a.At, b.At) })
	return nil
}

// judgeHistory has the history judged by the rules that the simulator's are judged by.
func (r *run) judgeHistory() {
	options := r.plan.HistoryOptions(clockBound, r.work.Drained())
	// The last faults may have taken longer than was planned, and a machine that stands still is as good as a pause.
	until := r.healedAt + disturbedAfter
	if r.stood.Load() > 0 {
		until = r.now()
	}
	options.Disturbed = []linearizability.Span{{To: int64(until)}}
	r.result.JudgeHistory(options, r.checked)
}

const ruleJournal = "journal-verifies"

// verifyJournals checks that the journals that the processes have left can be read to their ends.
func (r *run) verifyJournals() error {
	for _, name := range slices.Concat(hostsOf(metadataRole), hostsOf(backendRole)) {
		host, err := real.New(real.Options{Name: name, DataDir: filepath.Join(r.dir, name), LogLevel: slog.LevelError, LogOutput: io.Discard})
		if err != nil {
			return fmt.Errorf("open the folder of %s: %w", name, err)
		}
		r.checked[ruleJournal]++
		if err := disk.VerifyJournal(host.Disk); err != nil {
			if errors.Is(err, node.ErrDiskFull) {
				return fmt.Errorf("verify the journal of %s: %w", name, err)
			}
			r.violate(ruleJournal, fmt.Sprintf("%s: %v", name, err))
		}
		host.Tasks.Stop()
	}
	return nil
}
