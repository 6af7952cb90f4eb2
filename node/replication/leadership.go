package replication

import (
	"sync"

	"github.com/hashicorp/raft"

	"chasqui/node"
)

// leadership logs when this host begins and ceases to lead a group, each once and with the term in which it leads: two
// hosts that say so of one group and one term have broken raft's first promise.
//
// The term is exact because raft calls an observer's filter where it changes its role, on the goroutine that alone
// changes the term, and changes the term only afterwards. A channel would be read later, when the term may be another.
type leadership struct {
	host node.Host
	name string

	mu    sync.Mutex // guards the fields below
	leads bool
	term  uint64 // in which this host leads, or led last
}

// watch follows the roles of a raft that has just been started.
func (l *leadership) watch(running *raft.Raft) {
	running.RegisterObserver(raft.NewObserver(nil, false, func(o *raft.Observation) bool {
		if role, ok := o.Data.(raft.RaftState); ok {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.note(role, running)
		}
		return false
	}))
	// It may have been elected before the observer was there. The lock keeps a change that comes meanwhile, and with it
	// the change of the term, until this one is written.
	l.mu.Lock()
	defer l.mu.Unlock()
	l.note(running.State(), running)
}

// note is called with l.mu held.
func (l *leadership) note(role raft.RaftState, running *raft.Raft) {
	leads := role == raft.Leader
	if leads == l.leads {
		return
	}
	l.leads = leads
	if leads {
		l.term = running.CurrentTerm()
	}
	l.host.Log.Info("leadership changed", "group", l.name, "leader", leads, "term", l.term)
}
