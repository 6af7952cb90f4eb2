package queue

import "strings"

// A message move task (SQS: StartMessageMoveTask) empties a dead-letter queue: it sets visible messages aside, at a rate,
// to move to another queue or each to the one that it came from; see redrive.go for how they move. Each partition of
// the queue has a part of the task, with a part of the rate. The slot's leader lets it go on with KindMoveTask commands,
// so the task goes on after a change of leader where it was.

// TaskID identifies a task in all partitions of a queue.
type TaskID [16]byte

// MoveTask is a command about move tasks.
type MoveTask struct {
	Operation TaskOperation
	// ID names the task to start or cancel.
	ID TaskID
	// Target is where a task that is started moves messages; zero for the queue that each came from.
	Target Target
	// RateMilli is how many thousandths of a message a second it moves at most; 0 is no limit.
	RateMilli uint32
}

// TaskOperation says what a MoveTask command does. The numbers are part of the wire and journal format.
type TaskOperation uint8

const (
	// TaskStart starts a task; TaskRunning if there is one.
	TaskStart TaskOperation = iota + 1
	// TaskCancel ends a running task; NoSuchTask if there is none of this id or it has ended.
	TaskCancel
	// TaskStep lets the running task, if there is one, go on.
	TaskStep
	// TaskList returns the tasks.
	TaskList
)

// TaskStatus is how far a task is.
type TaskStatus uint8

// The states of a task. The numbers are part of the wire and snapshot formats.
const (
	TaskRunningStatus TaskStatus = iota
	TaskCompleted
	TaskCancelled
	TaskFailed
)

// TaskState is a partition's part of a task.
type TaskState struct {
	ID        TaskID
	Status    TaskStatus
	Target    Target
	RateMilli uint32
	StartedMs int64
	// ToMove is how many messages were visible at the start, Moved how many have moved.
	ToMove, Moved uint64
	// Failure is why it has failed.
	Failure string

	// creditMilli is how many thousandths of a message may be moved at once, as of stepMs.
	creditMilli, stepMs int64
}

// Why tasks fail, in the words of SQS.
const (
	failureNoQueue  = "AWS.SimpleQueueService.NonExistentQueue"
	failureNoSource = "CouldNotDetermineMessageSource"
)

// moveTask carries out a command about tasks.
func (p *partition) moveTask(c *MoveTask) *Result {
	switch c.Operation {
	case TaskStart:
		return p.startTask(c)
	case TaskCancel:
		t := p.runningTask()
		if t == nil || t.ID != c.ID {
			return &Result{Code: NoSuchTask}
		}
		p.endTask(TaskCancelled, "")
	case TaskList:
		return &Result{Tasks: append([]TaskState(nil), p.tasks...)}
	}
	return &Result{}
}

func (p *partition) startTask(c *MoveTask) *Result {
	if p.runningTask() != nil {
		return &Result{Code: TaskRunning}
	}
	started := TaskState{
		ID: c.ID, Target: c.Target, RateMilli: c.RateMilli, StartedMs: p.advancedMs, stepMs: p.advancedMs,
		ToMove: uint64(p.messages.Len() - p.inFlight - p.delayed - p.moves.Len()),
	}
	// A new slice: a result or snapshot may hold the old one.
	tasks := append([]TaskState{started}, p.tasks...)
	p.tasks = tasks[:min(len(tasks), MaxTasks)]
	return &Result{}
}

// runningTask returns the running task, which is the newest, or nil.
func (p *partition) runningTask() *TaskState {
	if len(p.tasks) > 0 && p.tasks[0].Status == TaskRunningStatus {
		return &p.tasks[0]
	}
	return nil
}

func (p *partition) endTask(status TaskStatus, failure string) {
	p.changeTask(func(t *TaskState) { t.Status, t.Failure = status, failure })
}

// changeTask changes the newest task in a copy of the list.
func (p *partition) changeTask(change func(t *TaskState)) {
	p.tasks = append([]TaskState(nil), p.tasks...)
	change(&p.tasks[0])
}

// stepTask sets aside as many messages as the rate allows, which it returns, and ends the task when there are no more.
func (p *partition) stepTask() (aside []Aside) {
	if p.runningTask() == nil {
		return nil
	}
	room := 0
	p.changeTask(func(t *TaskState) { room = t.allowance(p.advancedMs) })
	t := p.runningTask()
	room = min(room, MaxOutgoing-p.moves.Len())
	for room > 0 {
		next := p.nextVisible(room)
		if len(next) == 0 {
			break
		}
		for _, m := range next {
			target, ok := t.targetOf(&m)
			if !ok {
				p.endTask(TaskFailed, failureNoSource)
				return aside
			}
			p.setAside(m, p.lastMove+1, target, "")
			aside = append(aside, Aside{Number: p.lastMove, Seq: m.seq})
			p.changeTask(func(t *TaskState) { t.creditMilli -= 1000 })
			t = p.runningTask()
			room--
		}
	}
	if p.moves.Len() == 0 && len(p.nextVisible(1)) == 0 {
		p.endTask(TaskCompleted, "")
	}
	return aside
}

// nextVisible returns visible messages that a receive would deliver next.
func (p *partition) nextVisible(room int) []message {
	if p.settings.FIFO {
		return p.takeFIFO(room)
	}
	return p.takeStandard(room)
}

// allowance returns how many messages may be set aside now. What was not used is kept for a second at most, so that a
// task makes up for a busy leader but not for one that was away.
func (t *TaskState) allowance(nowMs int64) int {
	if t.RateMilli == 0 {
		t.creditMilli = 0
		return MaxOutgoing
	}
	t.creditMilli += (nowMs - t.stepMs) * int64(t.RateMilli) / 1000
	t.creditMilli = min(t.creditMilli, max(int64(t.RateMilli), 1000))
	t.stepMs = nowMs
	return int(t.creditMilli / 1000)
}

// targetOf returns where a message moves; false if that is where it came from and nobody knows where that was.
func (t *TaskState) targetOf(m *message) (Target, bool) {
	if t.Target != (Target{}) {
		return t.Target, true
	}
	if m.content.origin == nil {
		return Target{}, false
	}
	return ParseARN(m.content.origin.sourceARN)
}

// ParseARN returns the queue that an ARN names: arn:aws:sqs:region:account:name.
func ParseARN(arn string) (Target, bool) {
	parts := strings.Split(arn, ":")
	if len(parts) != 6 || parts[0] != "arn" || parts[2] != "sqs" || parts[4] == "" || parts[5] == "" {
		return Target{}, false
	}
	return Target{Account: parts[4], Name: parts[5]}, true
}

// noteMoved counts a message that the newest task has moved. One that was cancelled may have some on their way.
func (p *partition) noteMoved() {
	if len(p.tasks) > 0 {
		p.changeTask(func(t *TaskState) { t.Moved++ })
	}
}

// noteClosed ends the running task, if there is one: nobody could cancel it while its queue is deleted, and a restored
// queue has the messages that it had.
func (p *partition) noteClosed() {
	if p.runningTask() != nil {
		p.endTask(TaskFailed, failureNoQueue)
	}
}

// noteReturned ends the running task, if there is one: its target is gone.
func (p *partition) noteReturned() {
	if p.runningTask() != nil {
		p.endTask(TaskFailed, failureNoQueue)
	}
}
