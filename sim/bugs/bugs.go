// Package bugs holds deliberately wrong versions of the product: each a change of a few lines that a tired programmer
// could have made. A simulator is believed once it has found them, by the rule that was meant to find each.
//
// The changes are made while a program is built, with go build's -overlay, so that the product's own files stay clean:
//
//	overlay, err := bugs.Overlay(moduleDir, workDir, "handle-not-fenced")
//	go build -trimpath -overlay <overlay> -o chasqui.wasm ./cmd/chasqui
//
// With -trimpath the program does not depend on where workDir is.
//
// [All] is the catalogue: storage.go has bugs of the journal and of snapshots, consensus.go those of raft and its
// shell, messages.go and moves.go those of the queues' state machine, restorations.go those of deleting and restoring queues, metadata.go
// those of the catalog, network.go those of the wire
// between hosts, edge.go those of frontends, balancers and clients. An entry with Aid set is no bug but makes others easier
// to meet.
package bugs

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// Bug is one wrong version of the product.
type Bug struct {
	// Name is unique: lower-case words with hyphens.
	Name string
	// Says tells what is wrong and what a user would see of it.
	Says string
	// Edits are the changes that make it.
	Edits []Edit
	// Needs are the kinds of faults (package sim names them) of which one must be on for the bug to show; empty if it
	// shows without any.
	Needs []string
	// Rule is the rule, of package linearizability or of package sim, that is meant to find it.
	Rule string
	// Also are rules that may be broken first, or beside it, for the same reason.
	Also []string
	// Scenario is the name of the scenario of package sim that shows it, if drawn ones seldom do.
	Scenario string
	// Aid marks what is no bug: it must never be found. Rule is empty.
	Aid bool
}

// Edit replaces a piece of a file.
type Edit struct {
	// Module is the path of the module that the file belongs to; empty for the product's own.
	Module string
	// File is the path of the file in its module, with slashes.
	File string
	// Old is the text to replace; it occurs exactly once.
	Old string
	// New is what takes its place.
	New string
}

// Kinds of faults that do the same to a program, for Bug.Needs.
var (
	// restarts end a program, which is started again.
	restarts = []string{"kill", "kill-at-call", "power", "power-at-call", "power-all", "stop", "failpoint"}
	// powerCuts lose what was not synced.
	powerCuts = []string{"power", "power-at-call", "power-all"}
	// separations keep a leader from its followers long enough for an election.
	separations = []string{"cut", "cut-one-way", "ring", "zone-outage", "pause", "half-open", "lag", "clog", "slow-cpu"}
	// brokenCalls leave a caller without the answer to something that was done.
	brokenCalls = slices.Concat(restarts, separations, []string{"reset", "one-way-close", "slow-disk", "hung-disk", "wipe"})
)

// Part is the part of the product that the bug is in, by the folder of its first edit.
func (b *Bug) Part() string {
	edit := b.Edits[0]
	if edit.Module == raftModule {
		return "replication"
	}
	for _, part := range []struct{ folder, name string }{
		{"frontend/balancer/", "balancer"}, {"frontend/", "frontend"}, {"metadata/", "metadata"}, {"backend/", "backend"},
		{"node/wal/", "journal"}, {"node/replication/", "replication"}, {"node/rpc/", "rpc"},
	} {
		if strings.HasPrefix(edit.File, part.folder) {
			return part.name
		}
	}
	return path.Dir(edit.File)
}

// All returns the catalogue in order of names. The caller may change the result.
func All() []Bug {
	all := slices.Concat(storage(), consensus(), messages(), moves(), restorations(), metadata(), network(), edge())
	slices.SortFunc(all, func(a, b Bug) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// Named returns the bug with a name.
func Named(name string) (Bug, error) {
	all := All()
	at := slices.IndexFunc(all, func(b Bug) bool { return b.Name == name })
	if at < 0 {
		names := make([]string, len(all))
		for i, b := range all {
			names[i] = b.Name
		}
		return Bug{}, fmt.Errorf("there is no bug called %q; there are: %s", name, strings.Join(names, ", "))
	}
	return all[at], nil
}
