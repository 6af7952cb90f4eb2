package suite

import (
	"fmt"
	"slices"
	"strings"

	"chasqui/sim"
)

// The kinds of faults that only real processes have. The others are those of the simulator that can happen here, too.
const (
	KillAll   sim.FaultKind = "kill-all"
	OldFolder sim.FaultKind = "old-folder"
	SlowSync  sim.FaultKind = "slow-sync"
	// Failpoints at which processes panic: at any time, soon after their start, and while they rejoin.
	FailpointAt     sim.FaultKind = "failpoint-panic"
	FailpointBoot   sim.FaultKind = "failpoint-at-start"
	FailpointRejoin sim.FaultKind = "failpoint-at-rejoin"
)

// ownKinds says what the kinds are that the simulator does not have.
var ownKinds = []sim.FaultSort{
	{Kind: KillAll, Says: "all processes are killed at once"},
	{Kind: OldFolder, Says: "a backend that has rejoined is started on the data folder that it had lost: it must be refused"},
	{Kind: SlowSync, Says: "three of ten syncs of a host's journal take Arg milliseconds longer"},
	{Kind: FailpointAt, Says: "a process panics the next time it comes to a durable boundary, failpoint number Arg"},
	{Kind: FailpointRejoin, Says: "a process dies and loses its data folder, and the next one panics at a durable boundary while it rejoins, failpoint number Arg"},
	{Kind: FailpointBoot, Says: "a process is killed and panics at a durable boundary soon after its start, failpoint number Arg"},
}

// kind is how a sort of fault is carried out and drawn.
type kind struct {
	kind sim.FaultKind
	// lasts: it has a duration. failpoints: the binary must have them.
	lasts, failpoints bool
	// draw says to whom it happens.
	draw func(d *drawer, f *sim.Fault)
	// begin makes it happen, lift ends it.
	begin func(r *run, a *active)
	lift  func(r *run, a *active)
}

// kinds are all of them, in the order in which they are told. It is filled in by init, for they refer to it.
var kinds []kind

func init() {
	kinds = []kind{
		{kind: sim.Cut, lasts: true, draw: (*drawer).sides, begin: beginCut, lift: liftCut},
		{kind: sim.CutOneWay, lasts: true, draw: (*drawer).sides, begin: beginCut, lift: liftCut},
		{kind: sim.Lag, lasts: true, draw: func(d *drawer, f *sim.Fault) { f.On, f.Arg = d.target(), d.between(2, 150) }, begin: beginLag, lift: liftLag},
		{kind: sim.ResetAll, draw: func(d *drawer, f *sim.Fault) { f.On = d.target() }, begin: beginReset},
		{kind: sim.HalfOpen, lasts: true, draw: func(d *drawer, f *sim.Fault) { f.On = d.target() }, begin: beginForget, lift: liftForget},
		{kind: sim.NoPeer, lasts: true, draw: func(_ *drawer, f *sim.Fault) { f.For = max(f.For, noPeerMin) }, begin: beginNoPeer, lift: liftCut},
		{kind: sim.Kill, draw: func(d *drawer, f *sim.Fault) { f.On = d.target() }, begin: beginKill},
		{kind: KillAll, draw: func(*drawer, *sim.Fault) {}, begin: beginKillAll},
		{kind: sim.Stop, lasts: true, draw: func(d *drawer, f *sim.Fault) { f.On = d.target() }, begin: beginStop, lift: liftStop},
		{kind: sim.Pause, lasts: true, draw: func(d *drawer, f *sim.Fault) { f.On = d.target() }, begin: beginPause, lift: liftPause},
		{kind: sim.Wipe, draw: func(d *drawer, f *sim.Fault) { f.On = d.victim() }, begin: beginWipe},
		{kind: OldFolder, draw: func(d *drawer, f *sim.Fault) { f.On = []string{d.victims[0]} }, begin: beginOldFolder},
		{kind: sim.FsyncError, failpoints: true, lasts: true, draw: (*drawer).withFolder, begin: beginFailpoint, lift: liftFailpoint},
		{kind: sim.WriteError, failpoints: true, lasts: true, draw: (*drawer).withFolder, begin: beginFailpoint, lift: liftFailpoint},
		{kind: sim.HungDisk, failpoints: true, lasts: true, draw: (*drawer).withFolder, begin: beginFailpoint, lift: liftFailpoint},
		{kind: SlowSync, failpoints: true, lasts: true, draw: func(d *drawer, f *sim.Fault) { d.withFolder(f); f.Arg = d.between(550, 1500) }, begin: beginFailpoint, lift: liftFailpoint},
		{kind: FailpointAt, failpoints: true, lasts: true, draw: func(d *drawer, f *sim.Fault) { d.failpoint(f, anytimeFirst, anytimeLast) }, begin: beginFailpoint, lift: liftFailpoint},
		{kind: FailpointBoot, failpoints: true, draw: func(d *drawer, f *sim.Fault) { d.failpoint(f, bootFirst, bootLast) }, begin: beginFailpointBoot},
		{kind: FailpointRejoin, failpoints: true, draw: func(d *drawer, f *sim.Fault) { f.On, f.Arg = d.victim(), d.between(rejoinFirst, rejoinLast) }, begin: beginWipe},
	}
}

// kindOf returns the kind of a name, nil if there is none.
func kindOf(name sim.FaultKind) *kind {
	i := slices.IndexFunc(kinds, func(k kind) bool { return k.kind == name })
	if i < 0 {
		return nil
	}
	return &kinds[i]
}

// Kinds returns all kinds of faults and what they do.
func Kinds() []sim.FaultSort {
	says := append(sim.FaultKinds(), ownKinds...)
	var all []sim.FaultSort
	for _, k := range kinds {
		all = append(all, says[slices.IndexFunc(says, func(s sim.FaultSort) bool { return s.Kind == k.kind })])
	}
	return all
}

// allowed returns the kinds that are in only, or all if it is empty.
func allowed(only []string) ([]*kind, error) {
	var all []*kind
	for i := range kinds {
		if len(only) == 0 || slices.Contains(only, string(kinds[i].kind)) {
			all = append(all, &kinds[i])
		}
	}
	for _, name := range only {
		if kindOf(sim.FaultKind(name)) == nil {
			var names []string
			for _, k := range kinds {
				names = append(names, string(k.kind))
			}
			return nil, fmt.Errorf("there is no fault called %q; there are: %s", name, strings.Join(names, ", "))
		}
	}
	return all, nil
}
