package workload

import (
	"strings"
	"time"

	"chasqui/linearizability"
)

// Console is a machine on which one administrator types commands of the product.
type Console interface {
	// Run carries out "chasqui" with these arguments and waits for its end, on a thread of env. If patience is not 0 the command is
	// killed when it takes longer.
	Run(env Env, arguments []string, patience time.Duration) Ending
}

// Ending is what came of a command.
type Ending struct {
	// Exited says that the command ended itself, with Code. One that was killed may have done its work or not, or its
	// requests are still on their way.
	Exited bool
	Code   int
	// Said is what it wrote to its outputs.
	Said string
}

// administrator deletes a queue that is in use and brings it back with what it holds. Several on one queue do not know of each
// other.
type administrator struct {
	*Administrator
	console Console
}

const (
	// restorePause is the mean time between two attempts at restoring a queue.
	restorePause = 500 * time.Millisecond
	// lookPause is the mean time between two looks whether the queue is there while queues are drained: a deletion that was
	// held up may come late.
	lookPause = time.Second
	// patienceMean is how long, on the average, an administrator waits for a command who has no patience.
	patienceMean = 50 * time.Millisecond
)

func (a *administrator) run(t *thread) {
	if !t.createQueue() {
		return
	}
	for {
		pause := time.Duration(a.EveryMs) * time.Millisecond
		if t.run.phase() == draining {
			pause = min(pause, lookPause)
		}
		t.env.Sleep(t.exponential(pause))
		switch {
		case !t.working():
			return
		case t.run.mayDelete(t.queue.Name) && t.chance(a.Delete):
			t.change(linearizability.DeleteQueue, "DeleteQueue", queueRequest{QueueURL: t.url}, nil)
			a.leaveAway(t)
			a.bringBack(t)
		case t.missing():
			a.bringBack(t)
		}
	}
}

// leaveAway waits a while, but not when queues must be kept from now on.
func (a *administrator) leaveAway(t *thread) {
	for away := t.exponential(time.Duration(a.AwayMs) * time.Millisecond); away > 0 && t.run.mayDelete(t.queue.Name); away -= restorePause {
		t.env.Sleep(min(away, restorePause))
	}
}

// missing looks whether the queue is certainly not there.
func (t *thread) missing() bool {
	_, r := t.attributes()
	return r.outcome == linearizability.Failed && r.code == noSuchQueue
}

// bringBack restores the queue, trying until it is certain that it is there, whoever restored it, or the run moves on.
func (a *administrator) bringBack(t *thread) {
	for t.working() {
		switch outcome, code := a.restore(t); {
		case outcome == linearizability.OK && t.chance(a.Again):
			a.restore(t) // there is nothing to restore, unless somebody has deleted the queue again
			return
		case outcome == linearizability.OK || code == linearizability.NameTaken:
			return
		case code == notRestorable:
			t.violation("the queue cannot be restored, though it was there and its time is not over")
			return
		}
		t.env.Sleep(t.jitter(restorePause))
	}
}

// notRestorable is the error of a restoration that was refused because no such queue is remembered, or its time is over.
const notRestorable = "NotRestorable"

// What the command says, in part (cmd/chasqui/administrator.go).
const (
	saysRestored      = "is restored, but not all its partitions could be told"
	saysTaken         = "cannot be restored while another has its name"
	saysNotRestorable = "no queue to restore"
)

// restore has the queue restored. What the command does not tell for certain is unknown: it may have been killed, or may have
// waited for an answer in vain.
func (a *administrator) restore(t *thread) (linearizability.Outcome, string) {
	var patience time.Duration
	if t.chance(a.Impatient) {
		patience = t.exponential(patienceMean)
	}
	o := t.begin(linearizability.Operation{Kind: linearizability.RestoreQueue})
	end := a.console.Run(t.env, []string{"queue", "restore", t.queue.Name}, patience)
	outcome, code := linearizability.Unknown, "the command was killed"
	switch {
	case !end.Exited:
	case end.Code == 0, strings.Contains(end.Said, saysRestored):
		outcome, code = linearizability.OK, ""
	case strings.Contains(end.Said, saysTaken):
		outcome, code = linearizability.Failed, linearizability.NameTaken
	case strings.Contains(end.Said, saysNotRestorable):
		outcome, code = linearizability.Failed, notRestorable
	default:
		code = "the command does not know"
	}
	t.end(o, 0, &reply{tries: 1}, outcome, code, nil)
	return outcome, code
}
