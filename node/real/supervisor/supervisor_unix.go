//go:build unix

package supervisor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"

	"chasqui/node"
)

// Supervisor runs children. Its methods may be called concurrently.
type Supervisor struct {
	host node.Host
	cfg  Config
	// spawn carries processes to start to the one thread that starts them; see spawner.
	spawn chan spawnRequest

	changing sync.Mutex // held around calls of cfg.Changed, so that they come one at a time and in order

	mu       sync.Mutex // guards the fields below and every runningChild
	children []*runningChild
	stopped  bool
}

// runningChild is a child and how it is doing. The supervisor's mu guards status and process.
type runningChild struct {
	child   Child
	status  Status
	process *os.Process
	cancel  context.CancelFunc
	// done is closed when the child has ended and will not be started again.
	done chan struct{}
}

type spawnRequest struct {
	cmd  *exec.Cmd
	done chan error
}

// New returns a supervisor without children. Stop ends it.
func New(host node.Host, cfg Config) (*Supervisor, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	host.Tasks = host.Tasks.Group()
	s := &Supervisor{host: host, cfg: cfg, spawn: make(chan spawnRequest)}
	host.Tasks.Go("supervisor-spawner", s.spawner)
	return s, nil
}

// spawner starts all processes from one operating system thread that lives as long as the supervisor. Linux sends the
// parent-death signal when the thread that started the child ends, not the process; a thread of the Go runtime's
// choice may end at any time. The task never unlocks its thread, so the thread ends with it, after all children.
func (s *Supervisor) spawner(ctx context.Context) {
	runtime.LockOSThread()
	for {
		select {
		case request := <-s.spawn:
			request.done <- request.cmd.Start()
		case <-ctx.Done():
			return
		}
	}
}

// Start starts a child and looks after it until StopChild or Stop. It returns an error if its first process cannot be
// started.
func (s *Supervisor) Start(child Child) error {
	ctx, cancel := context.WithCancel(s.host.Tasks.Context())
	running := &runningChild{child: child, status: Status{Name: child.Name}, cancel: cancel, done: make(chan struct{})}
	if err := s.admit(running); err != nil {
		cancel()
		return err
	}
	cmd, err := s.launch(ctx, running)
	if err == nil && !s.host.Tasks.Go("supervisor-child", func(context.Context) { s.look(ctx, running, cmd) }) {
		err = errors.Join(ErrStopped, cmd.Process.Kill(), waitIgnoringExit(cmd))
	}
	if err != nil {
		cancel()
		s.remove(running)
		close(running.done)
		return fmt.Errorf("start %s: %w", child.Name, err)
	}
	return nil
}

// admit adds a child to the list.
func (s *Supervisor) admit(running *runningChild) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return fmt.Errorf("start %s: %w", running.child.Name, ErrStopped)
	}
	for _, other := range s.children {
		if other.child.Name == running.child.Name {
			return fmt.Errorf("start %s: a child of that name exists", running.child.Name)
		}
	}
	s.children = append(s.children, running)
	return nil
}

func (s *Supervisor) remove(running *runningChild) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, other := range s.children {
		if other == running {
			s.children = append(s.children[:i:i], s.children[i+1:]...)
			return
		}
	}
}

// launch starts one process of a child.
func (s *Supervisor) launch(ctx context.Context, running *runningChild) (*exec.Cmd, error) {
	child := running.child
	cmd := exec.Command(child.Path, child.Args...)
	cmd.SysProcAttr = processAttributes()
	cmd.Env = append(os.Environ(), child.Env...)
	if child.LogFile != "" {
		log, err := os.OpenFile(child.LogFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
		if err != nil {
			return nil, fmt.Errorf("open log: %w", err)
		}
		// The child has a descriptor of its own; an error of closing ours, which wrote nothing, says nothing.
		defer func() { _ = log.Close() }()
		cmd.Stdout, cmd.Stderr = log, log
	}
	request := spawnRequest{cmd: cmd, done: make(chan error, 1)}
	select {
	case s.spawn <- request:
	case <-ctx.Done():
		return nil, ErrStopped
	}
	if err := <-request.done; err != nil {
		return nil, err
	}
	s.change(running, func() {
		running.process = cmd.Process
		running.status.PID = cmd.Process.Pid
		running.status.StartedAt = s.host.Clock.Now()
	})
	if ctx.Err() != nil { // StopChild came while the process was starting and found nothing to signal
		if err := s.signal(running, syscall.SIGTERM); err != nil {
			s.host.Log.Warn("stopping a child that was just started", "child", child.Name, "error", err)
		}
	}
	return cmd, nil
}

// look waits for a child's process to end and starts the next one, until the child is stopped.
func (s *Supervisor) look(ctx context.Context, running *runningChild, cmd *exec.Cmd) {
	defer close(running.done)
	for {
		s.ended(ctx, running, cmd.Wait())
		for cmd = nil; cmd == nil; {
			if running.child.NoRestart || node.Wait(ctx, s.host.Clock, s.cfg.RestartDelay) != nil {
				return
			}
			s.mu.Lock()
			running.status.Restarts++
			s.mu.Unlock()
			var err error
			if cmd, err = s.launch(ctx, running); err != nil && ctx.Err() == nil {
				s.host.Log.Error("a child cannot be started again", "child", running.child.Name, "error", err)
			}
		}
	}
}

// ended records the end of a child's process. A nil error is an exit with status 0.
func (s *Supervisor) ended(ctx context.Context, running *runningChild, err error) {
	exit := "exit status 0"
	if err != nil {
		exit = err.Error()
	}
	s.change(running, func() {
		running.process = nil
		running.status.PID = 0
		running.status.LastExit = exit
	})
	if ctx.Err() == nil {
		s.host.Log.Warn("a child ended", "child", running.child.Name, "exit", exit, "restart", !running.child.NoRestart)
	}
}

// change updates a child's status and tells cfg.Changed.
func (s *Supervisor) change(running *runningChild, update func()) {
	s.changing.Lock()
	defer s.changing.Unlock()
	s.mu.Lock()
	update()
	status := running.status
	s.mu.Unlock()
	if s.cfg.Changed != nil {
		s.cfg.Changed(status)
	}
}

// Statuses returns the state of every child in the order of their start.
func (s *Supervisor) Statuses() []Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	statuses := make([]Status, 0, len(s.children))
	for _, running := range s.children {
		statuses = append(statuses, running.status)
	}
	return statuses
}

// StopChild stops the named child for good: SIGTERM, and SIGKILL if it takes longer than Config.StopTimeout. It
// returns when the process has ended. The child's last status stays in Statuses. An unknown name is an error, stopping
// twice is harmless.
func (s *Supervisor) StopChild(name string) error {
	s.mu.Lock()
	var running *runningChild
	for _, candidate := range s.children {
		if candidate.child.Name == name {
			running = candidate
		}
	}
	s.mu.Unlock()
	if running == nil {
		return fmt.Errorf("stop %s: no such child", name)
	}
	running.cancel() // first, so that its end is not taken for a crash
	if err := s.signal(running, syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop %s: %w", name, err)
	}
	timer := s.host.Clock.NewTimer(s.cfg.StopTimeout)
	defer timer.Stop()
	select {
	case <-running.done:
		return nil
	case <-timer.C():
	}
	s.host.Log.Warn("a child does not stop: killing it", "child", name, "waited", s.cfg.StopTimeout)
	if err := s.signal(running, syscall.SIGKILL); err != nil {
		return fmt.Errorf("kill %s: %w", name, err)
	}
	<-running.done
	return nil
}

// signal sends a signal to the child's process, if it is running.
func (s *Supervisor) signal(running *runningChild, signal os.Signal) error {
	s.mu.Lock()
	process := running.process
	s.mu.Unlock()
	if process == nil {
		return nil
	}
	if err := process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// Stop stops the children one after the other, the one started last first, and then the supervisor. Stopping twice is
// harmless.
func (s *Supervisor) Stop() error {
	s.mu.Lock()
	s.stopped = true
	children := append([]*runningChild(nil), s.children...)
	s.mu.Unlock()
	var errs []error
	for i := len(children) - 1; i >= 0; i-- {
		errs = append(errs, s.StopChild(children[i].child.Name))
	}
	s.host.Tasks.Stop()
	return errors.Join(errs...)
}

// waitIgnoringExit reaps a process that was just killed; how it ended is known.
func waitIgnoringExit(cmd *exec.Cmd) error {
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
		return err
	}
	return nil
}
