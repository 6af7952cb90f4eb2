package suite

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"chasqui/node/real/supervisor"
	"chasqui/sim"
)

const (
	// restartAfter is when whoever watches a process starts it again.
	restartAfter = time.Second
	// stopTimeout is how long a process may take to end in order.
	stopTimeout = 20 * time.Second
	// lastWordsMax bounds the lines of a process that are kept to explain its end.
	lastWordsMax = 60
)

// member is a host of the cluster: its process, and what is known of it. The run's mu guards all fields but name and tail.
type member struct {
	name string
	tail *tail // nil for clients

	incarnation int
	pid         int           // 0 while no process runs
	gone        chan struct{} // closed when the process of now has ended and was judged
	held        int           // faults that keep it from being started again
	rejoin      bool          // its data folder was lost
	bootFault   *active       // whose failpoint its next process starts with
	refuse      bool          // its data folder is an old one: it must refuse to serve
	refused     bool          // and it has
	accepted    bool          // the metadata hosts have accepted the process of now
	rejoining   []*active     // the faults that made it rejoin, until it has

	// Of the process of now: why it may end.
	killed, asked *active                   // by which fault; shutdown asks all
	paused        bool                      // it was stopped and continued: its disk may seem to have hung
	failpoints    map[sim.FaultKind]*active // that may have ended it

	lastWords []string
}

// newMembers returns the hosts in their order.
func newMembers(dir string) []*member {
	var all []*member
	for _, name := range hosts() {
		m := &member{name: name}
		if roleOf(name) != clientRole {
			m.tail = newTail(filepath.Join(dir, logsFolder, name+".log"))
		}
		all = append(all, m)
	}
	return all
}

// logsFolder is where the logs are.
const logsFolder = "logs"

// member returns the host of that name, nil if there is none.
func (r *run) member(name string) *member {
	i := slices.IndexFunc(r.members, func(m *member) bool { return m.name == name })
	if i < 0 {
		return nil
	}
	return r.members[i]
}

// start starts a host's process unless it is held off, runs, or the run is over.
func (r *run) start(m *member) {
	r.mu.Lock()
	held := m.held > 0
	r.mu.Unlock()
	if !held {
		r.launch(m)
	}
}

// launch starts a host's process unless it runs, or the run is over.
func (r *run) launch(m *member) {
	r.mu.Lock()
	if m.gone != nil || r.over {
		r.mu.Unlock()
		return
	}
	m.incarnation++
	m.gone = make(chan struct{})
	m.killed, m.asked, m.paused, m.accepted, m.lastWords = nil, nil, false, false, nil
	env := slices.Clone(r.environment)
	m.failpoints = map[sim.FaultKind]*active{}
	if a := m.bootFault; a != nil {
		name, what := terms(&a.Fault)
		env = append(env, "GO_FAILPOINTS="+name+"="+what)
		m.failpoints[a.Kind], m.bootFault = a, nil
	}
	env = append(env, "GO_FAILPOINTS_HTTP="+r.layout.own(m.name, failpointPort))
	child := supervisor.Child{
		Name: fmt.Sprintf("%s#%d", m.name, m.incarnation), Path: r.options.Binary, Args: r.layout.args(m.name, r.dir, m.rejoin),
		LogFile: m.tail.path, Env: env, NoRestart: true,
	}
	r.momentLocked("boot", fmt.Sprintf("%s starts (%d)", m.name, m.incarnation), m.name)
	r.mu.Unlock()
	if err := r.children.Start(child); err != nil {
		r.fail(fmt.Errorf("start %s: %w", m.name, err))
	}
}

// startSoon starts a host's process after a while.
func (r *run) startSoon(m *member, after time.Duration) {
	r.later.Go(func() {
		select {
		case <-time.After(after):
			r.start(m)
		case <-r.ctx.Done():
		}
	})
}

// changed is told by the supervisor of every start and end of a process.
func (r *run) changed(status supervisor.Status) {
	name, _, _ := strings.Cut(status.Name, "#")
	m := r.member(name)
	r.mu.Lock()
	m.pid = status.PID
	r.mu.Unlock()
	if status.PID == 0 {
		r.later.Go(func() { r.ended(m, status.LastExit) }) // it starts processes, which this call must not
	}
}

// signal sends a signal to a host's process and tells whether there was one.
func (r *run) signal(m *member, signal syscall.Signal) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.signalLocked(m, signal)
}

func (r *run) signalLocked(m *member, signal syscall.Signal) bool {
	return m.pid != 0 && syscall.Kill(m.pid, signal) == nil
}

// kill ends a host's process because of a fault.
func (r *run) kill(m *member, a *active) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m.pid == 0 {
		return false
	}
	m.killed = a
	return r.signalLocked(m, syscall.SIGKILL)
}

// awaitEnd waits until the process of now has ended and was judged; false if it takes longer than the timeout.
func (r *run) awaitEnd(m *member, timeout time.Duration) bool {
	r.mu.Lock()
	gone := m.gone
	r.mu.Unlock()
	if gone == nil {
		return true
	}
	select {
	case <-gone:
		return true
	case <-time.After(timeout):
		return false
	}
}

// hold keeps a host from being started, release lets it.
func (r *run) hold(m *member) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m.held++
}

func (r *run) release(m *member) {
	r.mu.Lock()
	m.held--
	r.mu.Unlock()
	r.start(m)
}

// stands tells whether the kernel says that a process is stopped.
func stands(pid int) bool {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false // it is gone
	}
	// The state follows the name, which is in parentheses and may hold anything.
	state := content[strings.LastIndexByte(string(content), ')')+1:]
	return strings.HasPrefix(strings.TrimSpace(string(state)), "T")
}
