package replication

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/hashicorp/raft"
)

// Replicas verify one another: those of a group must have equal states at equal log index. Now and then the leader
// proposes an entry that asks for a digest. Every replica that applies it captures its state there and then, as for a
// snapshot, and hashes what a snapshot would hold, beside further work. The newest digest is in Replica.Status and in
// the log; whoever sees those of several replicas compares them ([Disagreement]). A difference says that a state machine
// is not a function of its commands, that a snapshot did not restore what was captured, that memory or a disk went bad
// unnoticed, or that the logs themselves diverged.
//
// The hash is for accidents, not for forgers: xxhash keeps up with memory, and two of its 64 bits' values are equal by
// chance once in 2^64 times. It covers the bytes of the snapshot format, so replicas whose programs write different
// versions of that format are expected to differ until all of them run the same program.

// StateDigest is the digest of a replica's state at one log index.
type StateDigest struct {
	Index uint64 // 0 if there is none yet
	Hash  uint64
}

// String returns the hash as it is shown to people.
func (d StateDigest) String() string { return fmt.Sprintf("%016x", d.Hash) }

// Disagreement compares the newest digests of the replicas of one group. It returns "" if no two of them are of the same
// index and different, and otherwise a sentence for operators.
func Disagreement(replicas []Status) string {
	for i := range replicas {
		for j := range i {
			at := replicas[i].Digest.Index
			if at == 0 || at != replicas[j].Digest.Index || replicas[i].Digest == replicas[j].Digest {
				continue
			}
			var digests []string
			for _, s := range replicas {
				if s.Digest.Index == at {
					digests = append(digests, s.HostID+" "+s.Digest.String())
				}
			}
			return fmt.Sprintf("replicas differ at index %d: %s", at, strings.Join(digests, ", "))
		}
	}
	return ""
}

// digests makes the digests of one replica.
type digests struct {
	replica *Replica

	mu      sync.Mutex // guards the fields below
	asked   time.Time  // when the latest entry that asks was proposed or applied here
	hashing bool
	newest  StateDigest
}

func newDigests(r *Replica) *digests { return &digests{replica: r, asked: r.node.host.Clock.Now()} }

// last returns the newest digest.
func (d *digests) last() StateDigest {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.newest
}

// due tells whether it is time to ask again, and counts as asking.
func (d *digests) due() bool {
	now, interval := d.replica.node.host.Clock.Now(), d.replica.cfg.DigestInterval
	d.mu.Lock()
	defer d.mu.Unlock()
	if interval <= 0 || now.Sub(d.asked) < interval {
		return false
	}
	d.asked = now
	return true
}

// askForDigest proposes an entry that asks for a digest, if this host leads and it is time. After an error it is time
// again an interval later.
func (r *Replica) askForDigest(ctx context.Context) {
	if !r.IsLeader() || !r.digests.due() {
		return
	}
	future := r.current().raft.ApplyLog(raft.Log{Data: digestEntry()}, enqueueTimeout)
	if err := future.Error(); err != nil && ctx.Err() == nil {
		r.node.host.Log.Debug("digest not asked for", "group", r.cfg.Name, "error", err)
	}
}

// take makes the digest of the state that capture returns. It is called where the entry is applied, and does not wait
// for the hash; while an earlier one is still being hashed nothing is done, so that at most one state is held.
func (d *digests) take(index uint64, capture func() (fsmSnapshot, error)) {
	log := d.replica.node.host.Log.With("group", d.replica.cfg.Name, "index", index)
	d.mu.Lock()
	d.asked = d.replica.node.host.Clock.Now()
	busy := d.hashing
	d.hashing = true
	d.mu.Unlock()
	if busy {
		log.Debug("state digest left out: the one before is not done")
		return
	}
	state, err := capture()
	if err != nil {
		log.Error("state digest not taken", "error", err)
		d.done(StateDigest{})
		return
	}
	started := d.replica.tasks.Go(d.replica.cfg.Name+" digest", func(ctx context.Context) {
		defer state.Release()
		hash, err := state.digest(ctx)
		if err != nil {
			if ctx.Err() == nil {
				log.Error("state digest not taken", "error", err)
			}
			d.done(StateDigest{})
			return
		}
		digest := StateDigest{Index: index, Hash: hash}
		d.done(digest)
		log.Info("state digest", "digest", digest.String())
	})
	if !started {
		state.Release()
		d.done(StateDigest{})
	}
}

// done ends a digest; one without an index has failed.
func (d *digests) done(digest StateDigest) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hashing = false
	if digest.Index > d.newest.Index {
		d.newest = digest
	}
}

// digest hashes what Persist writes. It stops early when ctx ends.
func (s fsmSnapshot) digest(ctx context.Context) (uint64, error) {
	hash := xxhash.New()
	to := untilDone{ctx: ctx, to: hash}
	if _, err := to.Write(binary.LittleEndian.AppendUint64(nil, uint64(s.last))); err != nil {
		return 0, err
	}
	if _, err := s.snapshot.WriteTo(to); err != nil {
		return 0, fmt.Errorf("hash the state: %w", err)
	}
	return hash.Sum64(), nil
}

// untilDone passes writes on until ctx ends.
type untilDone struct {
	ctx context.Context
	to  io.Writer
}

func (w untilDone) Write(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	return w.to.Write(p)
}
