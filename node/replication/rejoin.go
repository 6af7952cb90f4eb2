package replication

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/raft"

	"chasqui/node"
	"chasqui/node/rpc"
	"chasqui/node/wal"
)

// A host that has lost its disk has forgotten its promises: the votes it gave, and the entries it acknowledged. If it
// formed the group anew from its configuration, it could break them. Of three hosts, L1 leads in term 1 and is cut off.
// L2 leads in term 2 and commits E on L2 and H; E is acknowledged. H loses its disk, L2 is away for a moment, and H
// hears L1 only: having forgotten term 2, it accepts L1's old term, and L1 commits another entry in E's place.
//
// So H asks the other members before it starts raft. With n members and a majority of m, whoever used a promise of H's
// needed m-1 others. H waits for n-m+1 others that remember everything, which meet all such sets: of three both, of
// five three. T is the greatest term they tell. No promise that was used to complete an election or a commit is of a
// later term: its m-1 others had that term on disk before. There are two ways on from here.
//
// All others answer, and one leads in T (the usual case). H stores term T, with a vote for itself, and takes appends
// from that leader and later ones. That leader may still count acknowledgements of H's that were lost with the disk, but
// for no entry behind its last index X. Every later leader was elected without H and so by m of the others, while each
// entry that was ever committed with H is on m-1 of them; m and m-1 together are more than the n-1 there are, so one of
// the others has both, and the later leader has the entry. Once H has committed up to X it has all that it may have
// acknowledged.
//
// Otherwise a leader of T that did not answer could count lost acknowledgements of H's without a bound that H knows.
// H stores term T+1, with a vote for itself: that leader can get nothing more from H, and the first leader of a later
// term has every committed entry, for the same reason as above. H has all of it once it has committed an entry of a term
// beyond T, for that leader wrote such an entry behind the others. This costs the group an election.
//
// Until then H gives no vote and asks for none, across restarts. That is what the mark is for, a small file beside the
// group's snapshots: it is stored before the term, because a term without the mark would look, after a crash between
// the two, like a replica that remembers everything. The mark is removed when H has caught up.
//
// Others that rejoin themselves are not among those that remember. With f of them all the sets above lose f members, and
// so do the n-1 others: the sums stay as they are.
//
// If all others answer that they hold no more than the first configuration, nothing was ever promised, and H forms the
// group as they do.
//
// What remains: in a group of five or more, a candidate that did not answer could hold a vote of H's of a term beyond
// T+1, be stopped for as long as H needs to catch up, and be elected beside another candidate of the same term that H
// votes for. In a group of three, all others answer and there is no such candidate. And the process that had the lost
// disk must not run any more.
type rejoinMark struct {
	heardTerm uint64 // T
	index     uint64 // X, or 0 if there is none
}

// term is the term that the replica begins in.
func (m rejoinMark) term() uint64 {
	if m.index > 0 {
		return m.heardTerm
	}
	return m.heardTerm + 1
}

// What a replica remembers of what it promised.
const (
	remembersAll     int32 = iota // it is an ordinary member
	remembersNothing              // it asks the others; raft is not running
	catchesUp                     // raft is running and gives no votes
)

// rejoinPause is between two rounds of questions.
const rejoinPause = 250 * time.Millisecond

// ErrMayNotRejoin means that this host holds something of the group, or is its only member.
var ErrMayNotRejoin = errors.New("replica may not rejoin")

// memory is what a member says of its own replica: state(4: group) -> term(8) last(8) flags(1): 1 leads, 2 rejoins.
type memory struct {
	term, lastIndex uint64
	leads, rejoins  bool
}

// blank tells whether the replica holds nothing but, perhaps, the first configuration.
func (m memory) blank() bool { return m.term <= 1 && m.lastIndex <= 1 && !m.leads }

func (m memory) encode() []byte {
	e := encoder{}
	e.u64(m.term)
	e.u64(m.lastIndex)
	e.u8(flags(m.leads, m.rejoins))
	return e.b
}

func decodeMemory(b []byte) (memory, error) {
	d := decoder{b: b}
	m := memory{term: d.u64(), lastIndex: d.u64()}
	f := d.u8()
	m.leads, m.rejoins = f&1 != 0, f&2 != 0
	return m, d.end()
}

// prepareRejoin decides how the replica starts: as an ordinary member, or by the rules above.
func (r *Replica) prepareRejoin() error {
	mark, marked, err := r.loadMark()
	if err != nil {
		return err
	}
	if marked {
		return r.resume(mark)
	}
	if !r.cfg.Rejoin {
		return nil
	}
	known, err := raft.HasExistingState(r.logs, r.stable, r.snapshots)
	switch {
	case err != nil:
		return fmt.Errorf("look for state of %s: %w", r.cfg.Name, err)
	case known:
		return fmt.Errorf("%w: this host holds state of %s, which only a host that lost its disk may do without", ErrMayNotRejoin, r.cfg.Name)
	case len(r.cfg.Members) == 1:
		return fmt.Errorf("%w: %s has no other member that holds what this host lost", ErrMayNotRejoin, r.cfg.Name)
	}
	r.memory.Store(remembersNothing)
	return nil
}

// resume makes the mark's term durable, if a crash came before that, and refuses votes from here on.
func (r *Replica) resume(mark rejoinMark) error {
	if r.group.HardState().Term < mark.term() {
		state := wal.HardState{Term: mark.term(), VoteTerm: mark.term(), VotedFor: []byte(r.cfg.HostID)}
		if err := r.group.SetHardState(state); err != nil {
			return fmt.Errorf("store the term in which %s rejoins: %w", r.cfg.Name, err)
		}
	}
	r.mark = mark
	r.memory.Store(catchesUp)
	return nil
}

// rejoin asks until enough members have answered, and then starts raft. It ends with ctx.
func (r *Replica) rejoin(ctx context.Context) {
	log := r.node.host.Log.With("group", r.cfg.Name)
	log.Warn("this host lost what it knew of the group and asks the other members")
	for said := false; ; {
		answers, missing := r.askMembers(ctx)
		mark, form, ok := judgeAnswers(len(r.cfg.Members), answers)
		if ok {
			if err := r.begin(mark, form); err != nil && ctx.Err() == nil {
				r.node.host.Fail(fmt.Errorf("rejoin %s: %w", r.cfg.Name, err))
			}
			return
		}
		if !said {
			said = true
			log.Warn("cannot rejoin before more members answer", "no_answer", missing)
		}
		if node.Wait(ctx, r.node.host.Clock, rejoinPause) != nil {
			return
		}
	}
}

// askMembers asks every other member once. missing names those that did not answer or do not remember, and why.
func (r *Replica) askMembers(ctx context.Context) (answers []memory, missing []string) {
	for _, m := range r.cfg.Members {
		if m.ID == r.cfg.HostID {
			continue
		}
		answer, err := r.ask(ctx, m.ID)
		switch {
		case err != nil:
			missing = append(missing, fmt.Sprintf("%s: %v", m.ID, err))
			continue
		case answer.rejoins:
			missing = append(missing, m.ID+": rejoins itself")
		}
		answers = append(answers, answer)
	}
	return answers, missing
}

func (r *Replica) ask(ctx context.Context, id string) (memory, error) {
	address, err := r.node.address(&r.cfg, id)
	if err != nil {
		return memory{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*r.cfg.HeartbeatTimeout)
	defer cancel()
	question := encoder{}
	question.u32(r.cfg.GroupID)
	body, err := r.node.client.Call(ctx, address, methodMemory, question.b)
	if err != nil {
		return memory{}, err
	}
	return decodeMemory(body)
}

// judgeAnswers tells from the answers of a group's other members whether to form the group, or to rejoin it by the mark;
// not ok is to ask again.
func judgeAnswers(members int, answers []memory) (mark rejoinMark, form, ok bool) {
	all := len(answers) == members-1
	if all && !slices.ContainsFunc(answers, func(m memory) bool { return !m.blank() }) {
		return rejoinMark{}, true, true
	}
	remember := 0
	for _, m := range answers {
		mark.heardTerm = max(mark.heardTerm, m.term)
		if !m.rejoins {
			remember++
		}
	}
	majority := members/2 + 1
	if remember < members-majority+1 {
		return rejoinMark{}, false, false
	}
	if remember == members-1 {
		for _, m := range answers {
			if m.leads && m.term == mark.heardTerm {
				mark.index = m.lastIndex
			}
		}
	}
	return mark, false, true
}

// begin starts raft. The mark comes first: see rejoinMark.
func (r *Replica) begin(mark rejoinMark, form bool) error {
	if form {
		if err := r.bootstrap(); err != nil {
			return err
		}
		r.memory.Store(remembersAll)
	} else {
		if err := r.storeMark(mark); err != nil {
			return fmt.Errorf("store the mark: %w", err)
		}
		if err := r.resume(mark); err != nil {
			return err
		}
	}
	r.node.host.Log.Info("rejoining a group", "group", r.cfg.Name, "formed", form, "term", mark.term(), "until_index", mark.index)
	return r.run()
}

// endRejoin opens the replica's votes once it has caught up.
func (r *Replica) endRejoin() {
	if r.memory.Load() != catchesUp {
		return
	}
	done, err := r.caughtUp()
	if err == nil && done {
		err = r.logs.flush() // it vouches for what it has caught up with
	}
	if err == nil && done {
		err = r.removeMark()
	}
	if err != nil {
		r.node.host.Fail(fmt.Errorf("end the rejoining of %s: %w", r.cfg.Name, err))
		return
	}
	if done {
		r.memory.Store(remembersAll)
		r.node.host.Log.Info("rejoined a group", "group", r.cfg.Name, "term", r.current().raft.CurrentTerm())
	}
}

func (r *Replica) caughtUp() (bool, error) {
	in := r.current().raft
	// A snapshot that was installed moves the applied index only.
	committed := max(in.CommitIndex(), in.AppliedIndex())
	if committed == 0 {
		return false, nil
	}
	if r.mark.index > 0 && committed >= r.mark.index {
		return true, nil
	}
	entry, err := r.logs.get(committed)
	if err == nil {
		return entry.Term > r.mark.heardTerm, nil
	}
	if !errors.Is(err, wal.ErrNotFound) {
		return false, err
	}
	metas, err := r.snapshots.List()
	if err != nil || len(metas) == 0 {
		return false, err
	}
	return metas[0].Term > r.mark.heardTerm, nil
}

// refuseVote answers for raft while the replica must not vote; otherwise raft itself shall answer.
func (r *Replica) refuseVote() (answer []byte, err error, refused bool) {
	switch r.memory.Load() {
	case remembersNothing:
		return nil, errDelivery, true
	case catchesUp:
		in := r.current()
		if in == nil {
			return nil, errDelivery, true
		}
		header := raft.RPCHeader{
			ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(r.cfg.HostID), Addr: []byte(r.cfg.HostID),
		}
		// The term is told, so that a candidate of an older one gives up rather than win an election that this
		// replica would not follow.
		return encodeVoteResponse(header, in.raft.CurrentTerm(), false), nil, true
	default:
		return nil, nil, false
	}
}

// describe is this replica's answer to a member that rejoins.
func (r *Replica) describe() memory {
	m := memory{rejoins: r.memory.Load() != remembersAll}
	in := r.current()
	if in == nil {
		return m
	}
	// A leader is one of the term told only if the term was the same before and after.
	before := in.raft.CurrentTerm()
	m.leads = in.raft.State() == raft.Leader
	m.lastIndex, m.term = in.raft.LastIndex(), in.raft.CurrentTerm()
	m.leads = m.leads && m.term == before
	return m
}

func (n *Node) handleMemory(call *rpc.Call) {
	d := &decoder{b: call.Body()}
	group := d.u32()
	if err := d.end(); err != nil {
		call.Fail(&rpc.RemoteError{Code: rpc.CodeBadRequest, Message: err.Error()})
		return
	}
	replica, err := n.replica(group)
	if err != nil {
		call.Fail(err)
		return
	}
	call.Reply(replica.describe().encode())
}

// Holds tells whether this host has anything of a group in its journal or snapshots.
func (n *Node) Holds(groupID uint32) (bool, error) {
	group := n.journal.Group(groupID)
	if group.LastIndex() > 0 || group.HardState().Term > 0 {
		return true, nil
	}
	snapshots, err := openSnapshotStore(n.host, n.snapshotDir(groupID), n.pace)
	if err != nil {
		return false, err
	}
	return snapshots.NewestIndex() > 0, nil
}
