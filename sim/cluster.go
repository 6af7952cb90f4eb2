package sim

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"chasqui/sim/bugs"
	"chasqui/sim/disk"
	"chasqui/sim/wasi"
	"chasqui/sim/world"
)

// restartAfter is when whoever watches a process starts it again.
const restartAfter = time.Second

// member is a host of the run.
type member struct {
	index  int
	plan   hostPlan
	host   *world.Host
	disk   *disk.Disk // nil for hosts without one
	image  *disk.Image
	rejoin bool // its program is told that its disk was lost
	// troubled: faults of its disk may make its program end itself. damaged: some of its bytes may be wrong.
	troubled, damaged bool
	asked             bool // its program was asked to end, at askedAt
	askedAt           time.Duration
	held              int // faults that keep it without power
	booting           *world.Event
	// crashesAtCall is the fault that is to end the program at one of its calls.
	crashesAtCall FaultKind
	line          []byte // of its standard error output, incomplete
	exits         []exit
}

// exit is an end of a program that it brought about itself.
type exit struct {
	at     time.Duration
	code   uint32
	detail string
}

// The exit codes of the product's processes.
const (
	exitStopped = 0
	exitError   = 1 // it cannot start or go on, and said why
	exitPanic   = 2 // the Go runtime's
	exitFailed  = 3 // Host.Fail: going on would break a promise
)

// buildWorld adds the hosts of the topology.
func (r *run) buildWorld() {
	s := r.scenario
	cfg := world.DefaultConfig()
	cfg.Latency.Near, cfg.Latency.Far, cfg.Latency.Jitter = s.Network.Near, s.Network.Far, s.Network.Jitter
	cfg.ShortReadChance, cfg.ShortWriteChance = s.Network.ShortReads, s.Network.ShortWrites
	r.world = world.New(s.Seed, cfg)
	r.world.AddFloating(vip)
	r.world.SetName(endpoint, vipAddress)
	r.random = r.world.Stream("faults")
	for i, plan := range s.Topology.hosts() {
		m := &member{index: i, plan: plan}
		spec := world.HostSpec{Name: plan.name, IP: plan.ip, Zone: plan.zone}
		spec.Output = func(_ *world.Host, _ int32, p []byte) { r.output(m, p) }
		spec.Ended = func(_ *world.Host, end world.End) { r.ended(m, end) }
		if plan.role == roleConsole {
			c := &console{run: r, member: m}
			spec.Output, spec.Ended = c.output, c.ended
			r.consoles = append(r.consoles, c)
		}
		if plan.role == roleFrontend {
			spec.Greeted = func(_, from *world.Host, address string, bytes []byte) {
				if address == plan.http() {
					r.greeted(m, from, bytes)
				}
			}
		}
		if plan.role == roleMetadata || plan.role == roleBackend {
			m.disk = disk.New(r.world.Stream("disk/"+plan.name), disk.DefaultConfig())
			spec.Disk = m.disk
		}
		m.host = r.world.AddHost(spec)
		r.members = append(r.members, m)
	}
}

// bootSoon starts a host's program after d, unless it is held off, runs, or is about to start.
func (r *run) bootSoon(m *member, d time.Duration) {
	if !m.plan.serves() || m.held > 0 || m.booting != nil || m.host.Running() || r.over {
		return
	}
	m.booting = r.world.After(d, func() {
		m.booting = nil
		if m.held > 0 || m.host.Running() {
			return
		}
		r.boot(m)
	})
}

// collectAt lets heaps grow to nine times what is in use before they are collected: collections are an eighth of a guest's
// work under load, and heaps are a few MiB.
const collectAt = "800"

// memoryPages bounds a program's memory, in pages of 64 KiB: 512 MiB.
const memoryPages = 8192

func (r *run) boot(m *member) {
	args := r.scenario.Topology.args(m.plan, m.rejoin)
	env := []string{"TZ=UTC", "GOGC=" + collectAt}
	if r.scenario.Yields {
		env = append(env, bugs.YieldsVariable+"=1")
	}
	if failpoints := r.scenario.Failpoints[m.plan.name]; failpoints != "" && !r.healed {
		r.injected[Failpoint]++
		env = append(env, "GO_FAILPOINTS="+failpoints)
	}
	m.asked = false
	r.moment([]*member{m}, "boot", fmt.Sprintf("%s starts (%d)", m.plan.name, m.host.Incarnation()+1))
	err := m.host.Boot(func(h *world.Host) (world.Guest, error) {
		return r.program.Start(h, wasi.Options{Args: args, Env: env, MemoryLimitPages: memoryPages})
	})
	if err != nil {
		r.world.Fail(err)
	}
}

// ended is told when a host's program has ended, however it did.
func (r *run) ended(m *member, end world.End) {
	if m.disk != nil && end.Crash == world.CrashPower {
		m.disk.Crash(r.random, disk.PowerCut)
	} else if m.disk != nil {
		m.disk.Crash(r.random, disk.EverythingKept)
	}
	m.line = nil
	r.witness.Ended(m.plan.name)
	switch end.Crash {
	case world.CrashKill, world.CrashPower:
		how := "is killed"
		if end.Crash == world.CrashPower {
			how = "loses power"
		}
		if m.crashesAtCall != "" {
			r.happened[m.crashesAtCall]++
			m.crashesAtCall = ""
			how += " at a system call"
		}
		r.moment([]*member{m}, "crash", m.plan.name+" "+how)
		if m.held == 0 {
			r.bootSoon(m, restartAfter)
		}
		return
	}
	r.moment([]*member{m}, "exit", fmt.Sprintf("%s ends itself with code %d: %s", m.plan.name, end.Code, lastLine(end.Detail)))
	m.exits = append(m.exits, exit{r.world.Now(), end.Code, end.Detail})
	switch {
	case end.Code == exitStopped && m.asked:
	case end.Code == exitPanic && r.scenario.Failpoints[m.plan.name] != "" && strings.Contains(end.Detail, "failpoint panic"):
		r.happened[Failpoint]++
	case end.Code == exitFailed && m.troubled:
	case end.Code == exitError && m.troubled && strings.Contains(end.Detail, "--rejoin"):
		// What an operator does whom the program asks to.
		r.moment([]*member{m}, "operator", m.plan.name+" gets an empty disk and rejoins")
		m.disk.Wipe()
		m.rejoin = true
	case end.Code == exitError && m.troubled:
	default:
		r.violate(RuleExit, fmt.Sprintf("%s ended itself with code %d: %s", m.plan.name, end.Code, excerpt(end.Detail)))
	}
	r.bootSoon(m, restartAfter)
}

// excerptMax bounds how much of a program's last words goes into a report.
const excerptMax = 4000

func excerpt(text string) string {
	if len(text) > excerptMax {
		return text[:excerptMax] + "..."
	}
	return text
}

func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return text[strings.LastIndexByte(text, '\n')+1:]
}

// output takes what a program writes, and looks at it line by line.
func (r *run) output(m *member, p []byte) {
	if r.options.Log != nil {
		r.options.Log(r.world.Now(), m.plan.name, p)
	}
	m.line = append(m.line, p...)
	for {
		i := bytes.IndexByte(m.line, '\n')
		if i < 0 {
			return
		}
		r.observe(m, string(m.line[:i]))
		m.line = m.line[i+1:]
	}
}

// member returns the host of that name, or nil.
func (r *run) member(name string) *member {
	for _, m := range r.members {
		if m.plan.name == name {
			return m
		}
	}
	return nil
}

func (r *run) ofRole(role string) []*member {
	var all []*member
	for _, m := range r.members {
		if m.plan.role == role {
			all = append(all, m)
		}
	}
	return all
}

func (r *run) ofZone(zone int) []*member {
	var all []*member
	for _, m := range r.members {
		if m.plan.zone == zone && m.plan.role != roleClient {
			all = append(all, m)
		}
	}
	return all
}

// servers are the hosts that the cluster consists of.
func (r *run) servers() []*member {
	var all []*member
	for _, m := range r.members {
		if m.plan.serves() {
			all = append(all, m)
		}
	}
	return all
}
