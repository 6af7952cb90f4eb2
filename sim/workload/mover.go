package workload

import (
	"time"

	"chasqui/linearizability"
)

// mover starts message move tasks, one after the other, and sees them through.
type mover struct {
	*Mover
	// running is the handle of the task that ran when we last knew of it, or empty.
	running string
	// unfinished says that the newest task did not end by itself: what it had begun to move may be on its way.
	unfinished bool
}

// endPause is the mean time between two looks at a task that is to end.
const endPause = 500 * time.Millisecond

// tasksListed is how many tasks it asks for.
const tasksListed = 10

func (m *mover) run(t *thread) {
	if !t.createQueue() {
		return
	}
	for {
		pause := time.Duration(m.EveryMs) * time.Millisecond
		if t.run.phase() == draining {
			pause = min(pause, endPause)
		}
		t.env.Sleep(t.exponential(pause))
		switch {
		case t.run.phase() == over || t.run.phase() == draining && m.end(t):
			return
		case t.run.phase() == draining:
		case m.running == "":
			m.start(t)
		case t.chance(m.Cancel):
			m.cancel(t)
		default:
			m.list(t)
		}
	}
}

// end looks whether a task runs, and may cancel it: it has ended soon anyway, for its queue is drained. It returns whether none runs,
// and then says until when messages may be on their way.
func (m *mover) end(t *thread) bool {
	if !m.list(t) {
		return false
	}
	if m.running != "" {
		if t.chance(m.Cancel) {
			m.cancel(t)
		}
		return false
	}
	slack := unsettledSlack
	if m.unfinished {
		slack = moveSlackDrained
	}
	for _, target := range append(t.run.options.Plan.targets(m.Mover), m.Queue) {
		t.run.note(target, func(l *ledger) { l.quiet(t.env.Now() + slack) })
	}
	return true
}

func (m *mover) start(t *thread) {
	o := t.begin(linearizability.Operation{Kind: linearizability.StartMoveTask, Rate: m.Rate})
	request := startTaskRequest{SourceARN: arn(m.Queue), MaxPerSecond: m.Rate}
	if m.Target != "" {
		request.DestinationARN = arn(m.Target)
	}
	var answer startTaskAnswer
	r := t.call("StartMessageMoveTask", request, 0, &answer)
	if r.outcome == linearizability.OK && answer.TaskHandle == "" {
		t.violation("StartMessageMoveTask answered without a handle")
	}
	m.running = answer.TaskHandle
	t.end(o, 0, &r, r.outcome, r.code, func(operation *linearizability.Operation) { operation.Task = answer.TaskHandle })
	if r.outcome != linearizability.OK {
		m.list(t) // perhaps it runs
	}
}

func (m *mover) cancel(t *thread) {
	o := t.begin(linearizability.Operation{Kind: linearizability.CancelMoveTask, Task: m.running})
	r := t.call("CancelMessageMoveTask", cancelTaskRequest{TaskHandle: m.running}, 0, nil)
	t.end(o, 0, &r, r.outcome, r.code, nil)
	if r.outcome == linearizability.OK {
		m.running = ""
	}
}

// list looks at the tasks. It returns whether it was answered.
func (m *mover) list(t *thread) bool {
	o := t.begin(linearizability.Operation{Kind: linearizability.ListMoveTasks})
	var answer listTasksAnswer
	r := t.call("ListMessageMoveTasks", listTasksRequest{SourceARN: arn(m.Queue), MaxResults: tasksListed}, 0, &answer)
	var tasks []linearizability.MoveTask
	for i := range answer.Results {
		task := &answer.Results[i]
		tasks = append(tasks, linearizability.MoveTask{Task: task.TaskHandle, Status: task.Status, Moved: task.Moved, StartedMs: task.StartedMs})
	}
	t.end(o, 0, &r, r.outcome, r.code, func(operation *linearizability.Operation) { operation.Tasks = tasks })
	if r.outcome != linearizability.OK {
		return false
	}
	m.running = ""
	m.unfinished = len(tasks) > 0 && tasks[0].Status != "COMPLETED"
	for _, task := range tasks {
		if task.Status == "RUNNING" {
			m.running = task.Task
		}
	}
	return true
}
