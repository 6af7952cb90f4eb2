package world

import (
	"fmt"
	"math/rand/v2"
	"time"

	"chasqui/node/virtual/abi"
)

// Host is one machine: an address, clocks, a card, a disk, and the program that runs on it. Its methods are the
// experimenter's; what the program asks of it is in calls.go.
type Host struct {
	w       *World
	index   uint64
	name    string
	ip      string
	zone    int
	clock   clock
	disk    Disk
	random  *rand.Rand
	output  func(h *Host, fd int32, p []byte)
	ended   func(h *Host, end End)
	greeted func(h, from *Host, address string, bytes []byte)

	guest       Guest
	incarnation uint64 // of the program: counts boots
	spent       int64  // time the running program's calls have cost since it was resumed
	calls       uint64 // of all programs so far
	killAt      uint64 // the value of calls at which the program is killed; 0: none
	killHow     CrashKind
	busyUntil   int64
	pausedUntil int64
	dark        bool  // the machine has no power
	slowness    int64 // factor on the cost of calls and of waking up
	wake        *Event
	wakeAt      int64
	deadline    int64 // true time of the program's deadline; never if it has none
	inbox       []abi.Event

	ids       uint32
	ends      map[uint32]*end // connections, by the id that the program knows them by; never ranged over
	order     []*end          // the same in the order of their making
	listeners map[uint32]*listener
	listening []*listener // the same in the order of their making
	ports     int         // the last ephemeral port
	pending   map[uint32]*pendingDisk
	native    *native // of a host whose program is the simulator's own
}

// never is a time that does not come.
const never = int64(1) << 62

// firstPort is where ephemeral ports begin, as on Linux.
const (
	firstPort = 32768
	lastPort  = 60999
)

// Disk is a host's disk as the world drives it; sim/disk implements it.
type Disk interface {
	// Do begins an operation as abi's disk_call, and returns its result, or what will end it later.
	Do(op abi.DiskOp, handle uint32, offset int64, name string, data []byte) (result int64, pending PendingDisk)
}

// PendingDisk is a disk operation under way.
type PendingDisk interface {
	// Ends tells after what time the operation ends, and false if it hangs. The world then calls Finish.
	Ends() (after time.Duration, ok bool)
	// OnRelease has f called, once, if a hanging operation is let go.
	OnRelease(f func())
	// Finish carries the operation's effect out.
	Finish()
	// Result returns the result and fills data, after Finish.
	Result(data []byte) int64
}

type pendingDisk struct {
	operation PendingDisk
	finished  bool
}

// HostSpec describes a host to add.
type HostSpec struct {
	Name string
	// IP is its address, like "10.0.1.3".
	IP string
	// Zone is the data center it stands in.
	Zone int
	// Disk may be nil.
	Disk Disk
	// Output receives what the program writes to its outputs.
	Output func(h *Host, fd int32, p []byte)
	// Ended is told of every end of the program, whoever ended it.
	Ended func(h *Host, end End)
	// Greeted is told of the first bytes that arrive on each connection that the program has accepted; it may be nil.
	Greeted func(h, from *Host, address string, bytes []byte)
}

// End says how a program ended.
type End struct {
	// Crash is how the experimenter ended it, or CrashNone if it ended itself.
	Crash CrashKind
	// Code and Detail are the exit code of a program that ended itself, and what its engine says.
	Code   uint32
	Detail string
}

// CrashKind says what a host's end does to those it talked to.
type CrashKind int

// The kinds of ends.
const (
	// CrashNone: the program ended itself.
	CrashNone CrashKind = iota
	// CrashKill: the process is killed. Its machine lives on and resets its connections; the disk keeps every write.
	CrashKill
	// CrashPower: the machine loses power. Nobody is told; what was not synced may be lost.
	CrashPower
)

// AddHost adds a machine on which nothing runs yet.
func (w *World) AddHost(spec HostSpec) *Host {
	h := &Host{
		w: w, index: uint64(len(w.hosts)), name: spec.Name, ip: spec.IP, zone: spec.Zone, disk: spec.Disk,
		output: spec.Output, ended: spec.Ended, greeted: spec.Greeted, slowness: 1, deadline: never,
		ends: map[uint32]*end{}, listeners: map[uint32]*listener{}, pending: map[uint32]*pendingDisk{}, ports: firstPort,
	}
	w.hosts = append(w.hosts, h)
	w.links.addHost(h)
	return h
}

// Name, IP and Zone are as in the spec.
func (h *Host) Name() string { return h.name }

// IP returns the host's address.
func (h *Host) IP() string { return h.ip }

// Zone returns the data center it stands in.
func (h *Host) Zone() int { return h.zone }

// Running tells whether a program runs on the host.
func (h *Host) Running() bool { return h.guest != nil || h.native != nil && h.native.running }

// Incarnation counts the programs that have run on the host.
func (h *Host) Incarnation() uint64 { return h.incarnation }

// Calls returns how many calls the host's programs have made into their machine.
func (h *Host) Calls() uint64 { return h.calls }

// What TraceHost records of a host.
const (
	hostBoots uint64 = iota + 1
	hostEnds
	hostKilled
	hostLosesPower
)

// Boot starts a program; none may be running. start makes the guest, which is resumed for the first time at once. The
// guest's randomness depends on the seed, the host's name and its incarnation.
func (h *Host) Boot(start func(h *Host) (Guest, error)) error {
	h.begin()
	guest, err := start(h)
	if err != nil {
		return fmt.Errorf("start %s: %w", h.name, err)
	}
	h.guest = guest
	h.wakeBy(h.w.now)
	return nil
}

func (h *Host) begin() {
	if h.Running() {
		broken("%s is booted while it runs", h.name)
	}
	h.incarnation++
	h.random = h.w.Stream(fmt.Sprintf("host/%s/%d", h.name, h.incarnation))
	h.ids = uint32(h.random.Uint64()>>40) + 1
	h.busyUntil, h.deadline, h.killAt, h.dark = 0, never, 0, false
	h.w.trace.add(h.w.now, TraceHost, h.index, hostBoots, h.incarnation)
	h.w.links.hostIsBack(h)
}

// Crash ends the host's program now. Without one it does nothing.
func (h *Host) Crash(how CrashKind) {
	if !h.Running() {
		return
	}
	if h.w.running == h {
		broken("%s is crashed from within", h.name)
	}
	if h.guest != nil {
		h.guest.Kill()
	}
	h.end(End{Crash: how})
}

// CrashAtCall ends the host's program at its n-th call into its machine from now on, before the call does anything.
func (h *Host) CrashAtCall(n uint64, how CrashKind) { h.killAt, h.killHow = h.calls+max(n, 1), how }

// Pause stops the host for d: its program does not run, packets and timers wait.
func (h *Host) Pause(d time.Duration) {
	h.pausedUntil = max(h.pausedUntil, h.w.now+int64(d))
	h.rewake()
}

// Slow makes everything the host's program does take factor times as long; 1 is normal.
func (h *Host) Slow(factor int) { h.slowness = int64(max(factor, 1)) }

// Stop asks the host's program to end in order, and tells whether there is one.
func (h *Host) Stop() bool {
	if h.guest == nil {
		return false
	}
	h.post(abi.Event{Kind: abi.EventStop})
	return true
}

// discard ends the program without telling anybody.
func (h *Host) discard() {
	if h.guest != nil {
		h.guest.Kill()
		h.guest = nil
	}
	if h.native != nil {
		h.native.stop()
	}
}

// end forgets a program that has ended.
func (h *Host) end(end End) {
	what := hostEnds
	switch end.Crash {
	case CrashKill:
		what = hostKilled
	case CrashPower:
		what = hostLosesPower
	}
	h.w.trace.add(h.w.now, TraceHost, h.index, what, h.incarnation)
	h.guest = nil
	if h.native != nil {
		h.native.stop()
	}
	h.inbox = h.inbox[:0]
	h.deadline = never
	if h.wake != nil {
		h.wake.Cancel()
		h.wake = nil
	}
	clear(h.pending)
	h.dropConnections(end.Crash != CrashPower)
	if h.ended != nil {
		h.ended(h, end)
	}
}

// localNow is the true time at which the host's program is: a little ahead of the world while it runs.
func (h *Host) localNow() int64 {
	if h.w.running == h {
		return h.w.now + h.spent
	}
	return h.w.now
}

// post puts an event on the host's card and sees to it that the program wakes up.
func (h *Host) post(event abi.Event) {
	if h.native != nil {
		h.native.post(event)
		return
	}
	if h.guest == nil {
		return
	}
	h.inbox = append(h.inbox, event)
	if h.w.running != h {
		h.wakeBy(h.w.now + int64(h.w.cfg.InterruptDelay))
	}
}

// wakeBy resumes the program at the given true time, or earlier if that is arranged already.
func (h *Host) wakeBy(at int64) {
	at = max(at, h.busyUntil, h.pausedUntil, h.w.now)
	if h.wake != nil {
		if h.wakeAt <= at {
			return
		}
		h.wake.Cancel()
	}
	h.wakeAt = at
	h.wake = h.w.schedule(at, h.resume)
}

// rewake arranges the next resume anew, after the clock or a pause has changed.
func (h *Host) rewake() {
	if h.wake == nil || h.w.running == h {
		return
	}
	h.wake.Cancel()
	h.wake = nil
	if len(h.inbox) > 0 {
		h.wakeBy(h.w.now)
	}
	if h.deadline != never {
		h.wakeBy(h.deadline)
	}
	if h.wake == nil { // it waited for its first resume
		h.wakeBy(h.w.now)
	}
}

// resume runs the program until it waits.
func (h *Host) resume() {
	h.wake = nil
	if h.guest == nil {
		return
	}
	w := h.w
	if w.now < h.pausedUntil {
		h.wakeBy(h.pausedUntil)
		return
	}
	w.resumed.Store(h)
	w.resumes.Add(1)
	w.running, h.spent = h, int64(w.cfg.ResumeCost)*h.slowness
	wait, running := h.guest.Resume()
	w.running = nil
	w.trace.add(w.now, TraceResume, h.index, h.calls, uint64(h.spent))
	h.busyUntil = w.now + h.spent
	if !running {
		if h.killAt != 0 && h.calls >= h.killAt {
			h.killAt = 0
			h.end(End{Crash: h.killHow})
			return
		}
		code, detail := h.guest.Exit()
		h.end(End{Code: code, Detail: detail})
		return
	}
	h.deadline = never
	if len(h.inbox) > 0 {
		h.wakeBy(h.busyUntil)
	}
	if wait.HasDeadline {
		at := h.clock.trueTime(wait.Deadline)
		if slack := int64(w.cfg.TimerSlack); slack > 0 {
			at = (at + slack - 1) / slack * slack
		}
		h.deadline = at
		h.wakeBy(at)
	}
}

// newID returns an id for a listener, a connection or an operation that the program does not use.
func (h *Host) newID() uint32 {
	for {
		h.ids++
		if h.ids == 0 || h.ids > 1<<30 {
			h.ids = 1
		}
		if h.ends[h.ids] == nil && h.listeners[h.ids] == nil && h.pending[h.ids] == nil {
			return h.ids
		}
	}
}
