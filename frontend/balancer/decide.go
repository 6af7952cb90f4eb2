package balancer

import "time"

// Priority ranks the two balancers of a pair.
type Priority uint8

// The two ranks. The zero value is none of them, so that a forgotten priority shows.
const (
	Primary   Priority = 1
	Secondary Priority = 2
)

// String returns "primary" or "secondary".
func (p Priority) String() string {
	switch p {
	case Primary:
		return "primary"
	case Secondary:
		return "secondary"
	}
	return "no priority"
}

// State is what one balancer tells the other about itself.
type State struct {
	ID       string
	Priority Priority
	// Holding says that it listens on the VIP.
	Holding bool
}

// outranks reports whether a keeps the VIP when a and b both hold it. Of two with one priority, a mistake in the
// configuration, the smaller id wins: any rule will do as long as both sides apply the same.
func (a State) outranks(b State) bool {
	if a.Priority != b.Priority {
		return a.Priority < b.Priority
	}
	return a.ID < b.ID
}

// peerCondition is what a balancer knows of its peer.
type peerCondition uint8

const (
	// peerUnknown: it has not answered yet, but has not missed enough questions to be taken for dead.
	peerUnknown peerCondition = iota
	// peerAnswers: it answered lately.
	peerAnswers
	// peerSilent: it left Config.SilentAfter questions in a row unanswered.
	peerSilent
	// peerAbsent: this balancer has no peer.
	peerAbsent
)

// view is everything the decision about the VIP depends on.
type view struct {
	self State
	// condition says whether peer can be relied upon.
	condition peerCondition
	// peer is the last state the peer reported; meaningless unless it answers.
	peer State
	// heard says that a frontend has answered a check that began after the peer's silence did: this balancer is not the one that
	// is away. deaf says that no frontend has answered for so long that they would all be unhealthy. Both are meaningless unless
	// the peer is silent.
	heard, deaf bool
	// free is for how long the peer has been answering that it does not hold the VIP.
	free time.Duration
	// secondaryWait is Config.SecondaryWait.
	secondaryWait time.Duration
}

// step is what a balancer does about the VIP.
type step uint8

const (
	stay    step = iota // change nothing
	claim               // try to listen on the VIP
	release             // stop listening on it
)

// decide says what to do about the VIP. It is the whole of the agreement between the pair: a claim is only a try,
// which the operating system refuses while another process listens.
//
// Who hears nobody must not hold the VIP: its own announcements may arrive all the same, and clients would follow them to
// where nothing is heard of them.
func decide(v view) step {
	if v.self.Holding {
		if v.condition == peerSilent && v.deaf {
			return release
		}
		if v.condition == peerAnswers && v.peer.Holding && v.peer.outranks(v.self) {
			return release
		}
		return stay
	}
	switch v.condition {
	case peerAbsent:
		return claim
	case peerSilent:
		if v.heard && !v.deaf {
			return claim
		}
		return stay
	case peerUnknown:
		return stay
	}
	switch {
	case v.peer.Holding:
		return stay
	case v.self.outranks(v.peer):
		return claim
	case v.free >= v.secondaryWait:
		return claim
	}
	return stay
}
