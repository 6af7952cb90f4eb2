package sim

import (
	"slices"
	"time"

	"chasqui/sim/disk"
	"chasqui/sim/world"
)

// faultKind is what a fault of one kind does.
type faultKind struct {
	// says tells readers what it is.
	says string
	// everywhere: it needs no hosts.
	everywhere bool
	// begin makes it happen and tells whether it did at once. lift ends it; nil if it has no end.
	begin func(r *run, a *activeFault) bool
	lift  func(r *run, a *activeFault)
}

// faultKinds are all kinds. Those whose effect comes later, if at all, are counted by probes: see run.probes.
var faultKinds map[FaultKind]faultKind

// The kinds of faults.
const (
	Cut         FaultKind = "cut"
	CutOneWay   FaultKind = "cut-one-way"
	Ring        FaultKind = "ring"
	ZoneOutage  FaultKind = "zone-outage"
	ResetAll    FaultKind = "reset"
	HalfOpen    FaultKind = "half-open"
	OneWayClose FaultKind = "one-way-close"
	Lag         FaultKind = "lag"
	Clog        FaultKind = "clog"
	Kill        FaultKind = "kill"
	KillAtCall  FaultKind = "kill-at-call"
	Power       FaultKind = "power"
	PowerAtCall FaultKind = "power-at-call"
	PowerAll    FaultKind = "power-all"
	Wipe        FaultKind = "wipe"
	OldDisk     FaultKind = "old-disk"
	Stop        FaultKind = "stop"
	Pause       FaultKind = "pause"
	SlowCPU     FaultKind = "slow-cpu"
	FsyncError  FaultKind = "fsync-error"
	WriteError  FaultKind = "write-error"
	SlowDisk    FaultKind = "slow-disk"
	HungDisk    FaultKind = "hung-disk"
	FullDisk    FaultKind = "full-disk"
	BitRot      FaultKind = "bit-rot"
	Misdirected FaultKind = "misdirected-write"
	StaleRead   FaultKind = "stale-read"
	LyingDisk   FaultKind = "lying-disk"
	WallJump    FaultKind = "wall-jump"
	ClockDrift  FaultKind = "clock-drift"
	StaleVIP    FaultKind = "stale-vip"
	NoPeer      FaultKind = "no-peer"
	// Failpoint is counted like a fault: a program stopped or slept at a marked place of its code. Scenario.Failpoints has
	// them.
	Failpoint FaultKind = "failpoint"
)

func init() {
	faultKinds = map[FaultKind]faultKind{
		Cut:        {says: "no packets pass between two groups of hosts", begin: cut(true), lift: heal},
		CutOneWay:  {says: "packets pass in one direction only", begin: cut(false), lift: heal},
		Ring:       {says: "each host reaches only its two neighbours", begin: ring, lift: heal},
		ZoneOutage: {says: "a data center is cut off", everywhere: true, begin: cut(true), lift: heal},
		ResetAll:   {says: "all connections between hosts are reset, and then Arg times more within For", begin: resetAgain},
		HalfOpen:   {says: "a middlebox forgets connections: both sides believe in them, packets vanish", begin: reset(true)},
		OneWayClose: {says: "connections are closed in one direction", begin: func(_ *run, a *activeFault) bool {
			n := 0
			a.eachPair(func(one, other *member) { n += one.host.HalfClose(other.host) })
			return n > 0
		}},
		Lag: {says: "packets take Arg milliseconds longer", begin: func(r *run, a *activeFault) bool {
			r.setLag(a, time.Duration(a.Arg)*time.Millisecond)
			return true
		}, lift: func(r *run, a *activeFault) { r.setLag(a, 0) }},
		Clog: {says: "packets are held back and let go in another order", begin: func(r *run, a *activeFault) bool {
			a.held = r.world.HeldPackets()
			a.eachPair(func(one, other *member) { r.world.Clog(one.host, other.host) })
			return false
		}, lift: func(r *run, a *activeFault) {
			a.eachPair(func(one, other *member) { r.world.Unclog(one.host, other.host) })
			r.countHeld(a)
		}},
		Kill:        {says: "a process is killed and started again", begin: crash(world.CrashKill)},
		Power:       {says: "a machine loses power, and with it what was not synced; it comes back after For", begin: crash(world.CrashPower), lift: powerOn},
		KillAtCall:  {says: "a process is killed at its Arg-th system call", begin: crashAtCall(world.CrashKill)},
		PowerAtCall: {says: "a machine loses power at its program's Arg-th system call, for a second", begin: crashAtCall(world.CrashPower)},
		PowerAll: {says: "all machines lose power at once", everywhere: true, begin: func(r *run, a *activeFault) bool {
			a.on = r.servers()
			return crash(world.CrashPower)(r, a)
		}, lift: powerOn},
		Wipe: {says: "a machine dies and comes back with an empty disk, to rejoin", begin: func(_ *run, a *activeFault) bool {
			a.on = withDisks(a.on)
			for _, m := range a.on {
				m.held++
				m.host.Crash(world.CrashPower)
				m.disk.Wipe()
				m.rejoin = true
			}
			return len(a.on) > 0
		}, lift: powerOn},
		OldDisk: {says: "a machine comes back with the disk it had Arg milliseconds into the run: beyond the model", begin: oldDisk, lift: powerOn},
		Stop: {says: "an operator stops a process in order and starts it again after For", begin: func(r *run, a *activeFault) bool {
			stopped := false
			for _, m := range a.on {
				m.held++
				m.asked, m.askedAt = m.host.Stop(), r.world.Now()
				stopped = stopped || m.asked
			}
			return stopped
		}, lift: powerOn},
		Pause: {says: "a machine stands still", begin: func(_ *run, a *activeFault) bool {
			for _, m := range a.on {
				m.host.Pause(a.For)
			}
			return true
		}},
		SlowCPU: {says: "everything takes a program Arg times as long", begin: func(_ *run, a *activeFault) bool {
			for _, m := range a.on {
				m.host.Slow(int(a.Arg))
			}
			return true
		}, lift: func(_ *run, a *activeFault) {
			for _, m := range a.on {
				m.host.Slow(1)
			}
		}},
		FsyncError:  onDisk("the next sync fails", func(d *disk.Disk, _ *activeFault) { d.FailSyncs(1) }, nil),
		WriteError:  onDisk("the next write fails", func(d *disk.Disk, _ *activeFault) { d.FailWrites(1) }, nil),
		SlowDisk:    onDisk("the disk is Arg times as slow", func(d *disk.Disk, a *activeFault) { d.Slow(float64(a.Arg)) }, func(d *disk.Disk) { d.Slow(1) }),
		HungDisk:    onDisk("the disk does not answer", func(d *disk.Disk, _ *activeFault) { d.Hang() }, (*disk.Disk).Unhang),
		FullDisk:    onDisk("Arg bytes are free on the disk", func(d *disk.Disk, a *activeFault) { d.Full(a.Arg) }, (*disk.Disk).NotFull),
		Misdirected: onDisk("the next write goes elsewhere", func(d *disk.Disk, _ *activeFault) { d.MisdirectWrites(1) }, nil),
		StaleRead:   onDisk("the next Arg reads return what was there before the last write: beyond the model", func(d *disk.Disk, a *activeFault) { d.StaleReads(int(a.Arg)) }, nil),
		LyingDisk:   onDisk("syncs succeed without doing anything: beyond the model", func(d *disk.Disk, _ *activeFault) { d.LieOnSync(true) }, func(d *disk.Disk) { d.LieOnSync(false) }),
		BitRot: {says: "a bit of the disk flips", begin: func(r *run, a *activeFault) bool {
			for _, m := range a.on {
				if m.disk == nil {
					continue
				}
				if where, ok := m.disk.Rot(r.random, nil); ok {
					r.moment([]*member{m}, "fault", "bit rot in "+where.String())
					m.troubled, m.damaged = true, true
				}
			}
			return false
		}},
		WallJump: {says: "the wall clock jumps by Arg milliseconds", begin: func(_ *run, a *activeFault) bool {
			for _, m := range a.on {
				m.host.JumpWall(time.Duration(a.Arg) * time.Millisecond)
			}
			return true
		}},
		ClockDrift: {says: "the clocks run faster by Arg millionths", begin: func(_ *run, a *activeFault) bool {
			for _, m := range a.on {
				m.host.Drift(a.Arg)
			}
			return true
		}, lift: func(_ *run, a *activeFault) {
			for _, m := range a.on {
				m.host.Drift(0)
			}
		}},
		StaleVIP: {says: "clients hear nothing of a new holder of the virtual IP", begin: func(r *run, a *activeFault) bool {
			a.held = r.world.Misled()
			for _, m := range a.on {
				r.world.StaleRoute(m.host, vip, true)
			}
			return false
		}, lift: func(r *run, a *activeFault) {
			if r.world.Misled() > a.held {
				r.happened[StaleVIP]++
			}
			for _, m := range a.on {
				r.world.StaleRoute(m.host, vip, false)
			}
		}},
		NoPeer: {says: "the balancers cannot see each other: both take the virtual IP", everywhere: true, begin: func(r *run, a *activeFault) bool {
			a.on = r.ofRole(roleBalancer)
			a.and = a.on
			return cut(true)(r, a)
		}, lift: heal},
	}
}

func cut(bothWays bool) func(r *run, a *activeFault) bool {
	return func(r *run, a *activeFault) bool {
		if a.Kind == ZoneOutage {
			a.on = r.ofZone(int(a.Arg))
			a.and = r.others(a.on)
		}
		a.held = r.world.HeldPackets()
		a.eachPair(func(one, other *member) {
			r.cutLink(one, other, +1)
			if bothWays {
				r.cutLink(other, one, +1)
			}
		})
		return false
	}
}

// heal ends the cuts of a fault. A link that several faults cut passes again when the last has ended.
func heal(r *run, a *activeFault) {
	if a.Kind == Ring {
		a.eachRing(func(one, other *member) { r.cutLink(one, other, -1) })
	} else {
		a.eachPair(func(one, other *member) {
			r.cutLink(one, other, -1)
			if a.Kind != CutOneWay {
				r.cutLink(other, one, -1)
			}
		})
	}
	r.countHeld(a)
}

// countHeld notes that a fault that holds packets back has happened if there were any.
func (r *run) countHeld(a *activeFault) {
	switch a.Kind {
	case Cut, CutOneWay, Ring, ZoneOutage, Clog, NoPeer:
	default:
		return
	}
	if r.world.HeldPackets() > a.held {
		r.happened[a.Kind]++
	}
}

func (r *run) cutLink(from, to *member, by int) {
	key := [2]int{from.index, to.index}
	r.cuts[key] += by
	if r.cuts[key] > 0 {
		r.world.Cut(from.host, to.host)
	} else {
		r.world.Heal(from.host, to.host)
	}
}

func ring(r *run, a *activeFault) bool {
	a.held = r.world.HeldPackets()
	a.eachRing(func(one, other *member) { r.cutLink(one, other, +1) })
	return false
}

// eachRing calls f, in both directions, for the hosts that are no neighbours.
func (a *activeFault) eachRing(f func(one, other *member)) {
	n := len(a.on)
	for i, one := range a.on {
		for j, other := range a.on {
			if i != j && (i+1)%n != j && (j+1)%n != i {
				f(one, other)
			}
		}
	}
}

func reset(vanish bool) func(r *run, a *activeFault) bool {
	return func(r *run, a *activeFault) bool {
		n := 0
		a.eachPair(func(one, other *member) { n += r.world.ResetConnections(one.host, other.host, vanish) })
		return n > 0
	}
}

// resetAgain resets connections at once and, if the fault says so, again and again: a single moment seldom meets a call whose
// answer is on its way.
func resetAgain(r *run, a *activeFault) bool {
	for i := range a.Arg {
		r.world.After(a.For*time.Duration(i+1)/time.Duration(a.Arg), func() {
			if !r.healed && reset(false)(r, a) {
				r.happened[ResetAll]++
			}
		})
	}
	return reset(false)(r, a)
}

func (r *run) setLag(a *activeFault, lag time.Duration) {
	a.eachPair(func(one, other *member) {
		r.world.Lag(one.host, other.host, lag)
		r.world.Lag(other.host, one.host, lag)
	})
}

// crash ends programs. Those that lose power stay off until the fault is lifted; the others are started again at once
// by whoever watches them.
func crash(how world.CrashKind) func(r *run, a *activeFault) bool {
	return func(_ *run, a *activeFault) bool {
		hit := false
		for _, m := range a.on {
			if how == world.CrashPower {
				m.held++
			}
			hit = hit || m.host.Running()
			m.host.Crash(how)
		}
		return hit
	}
}

func crashAtCall(how world.CrashKind) func(r *run, a *activeFault) bool {
	return func(_ *run, a *activeFault) bool {
		for _, m := range a.on {
			m.host.CrashAtCall(uint64(a.Arg), how)
			m.crashesAtCall = a.Kind
		}
		return false
	}
}

func powerOn(r *run, a *activeFault) {
	for _, m := range a.on {
		if m.held > 0 {
			m.held--
		}
		r.bootSoon(m, 0)
	}
}

func oldDisk(_ *run, a *activeFault) bool {
	a.on = slices.DeleteFunc(withDisks(a.on), func(m *member) bool { return m.image == nil })
	for _, m := range a.on {
		m.held++
		m.host.Crash(world.CrashPower)
		m.disk.Restore(m.image)
		m.troubled = true
	}
	return len(a.on) > 0
}

// withDisks returns the hosts that have a disk. A fault that keeps hosts off must lift only those it took.
func withDisks(hosts []*member) []*member {
	return slices.DeleteFunc(slices.Clone(hosts), func(m *member) bool { return m.disk == nil })
}

// onDisk is a fault of the disks of the hosts it happens to. Whether it had an effect is counted by the disk's probes.
func onDisk(says string, begin func(d *disk.Disk, a *activeFault), lift func(d *disk.Disk)) faultKind {
	kind := faultKind{says: says, begin: func(_ *run, a *activeFault) bool {
		for _, m := range a.on {
			if m.disk != nil {
				begin(m.disk, a)
				m.troubled = true
				m.damaged = m.damaged || a.Kind == Misdirected || a.Kind == StaleRead || a.Kind == LyingDisk
			}
		}
		return false
	}}
	if lift != nil {
		kind.lift = func(_ *run, a *activeFault) {
			for _, m := range a.on {
				if m.disk != nil {
					lift(m.disk)
				}
			}
		}
	}
	return kind
}
