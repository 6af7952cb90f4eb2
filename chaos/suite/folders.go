package suite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// lostFolder is where the data folders go that hosts have lost.
const lostFolder = "lost"

const (
	// killTimeout is how long a process may take to die of SIGKILL.
	killTimeout = 10 * time.Second
	// acceptTimeout is how long the metadata hosts may take to accept a backend, or to refuse it, while other faults go on.
	acceptTimeout = 60 * time.Second
	// looksEvery is the time between two looks at whether something has happened.
	looksEvery = 20 * time.Millisecond
)

// beginWipe kills a process and takes its data folder away; the next one rejoins. That it did is known from its log, or from
// its end if it is to end on the way.
func beginWipe(r *run, a *active) {
	for _, m := range a.on {
		r.steps.Go(func() {
			r.folders.Lock()
			defer r.folders.Unlock()
			if err := r.lose(m, a); err != nil {
				r.fail(err)
			}
		})
	}
}

// lose moves the data folder of a host away and starts the host on an empty one. The caller holds folders.
func (r *run) lose(m *member, a *active) error {
	r.hold(m)
	defer r.release(m)
	if err := r.killAndAwait(m); err != nil {
		return err
	}
	lost := filepath.Join(r.dir, lostFolder, m.name)
	if err := os.RemoveAll(lost); err != nil {
		return fmt.Errorf("forget an older lost folder: %w", err)
	}
	if err := os.Rename(filepath.Join(r.dir, m.name), lost); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("lose a data folder: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	m.rejoin, m.accepted = true, false
	if a.Kind == FailpointRejoin {
		m.bootFault = a
	} else {
		m.rejoining = append(m.rejoining, a)
	}
	r.momentLocked("operator", m.name+" gets an empty data folder and rejoins", m.name)
	return nil
}

// killAndAwait ends a process, if there is one, and waits for its end.
func (r *run) killAndAwait(m *member) error {
	for end := time.Now().Add(killTimeout); time.Now().Before(end); {
		r.kill(m, &active{silent: true})
		if r.awaitEnd(m, looksEvery) {
			return nil
		}
	}
	return fmt.Errorf("%s did not die within %v", m.name, killTimeout)
}

// beginOldFolder lets a backend lose its folder and rejoin, and then starts it on the folder that it had lost, as somebody
// does who has found the old disk again. The product promises to refuse it, by the incarnation that the catalog knows; a
// backend that came back with an old copy of its present folder is beyond the promises, for no other host can tell.
func beginOldFolder(r *run, a *active) {
	for _, m := range a.on {
		r.steps.Go(func() {
			if err := r.returnOldFolder(m, a); err != nil {
				r.fail(err)
			}
		})
	}
}

func (r *run) returnOldFolder(m *member, a *active) error {
	r.folders.Lock() // until the host has its present folder back
	defer r.folders.Unlock()
	if err := r.lose(m, &active{silent: true}); err != nil {
		return err
	}
	if !r.await(acceptTimeout, func() bool { return m.accepted }) {
		return nil // other faults kept it from being accepted: this one has not happened
	}
	r.hold(m)
	defer r.release(m)
	own := filepath.Join(r.dir, m.name)
	lost, aside := filepath.Join(r.dir, lostFolder, m.name), filepath.Join(r.dir, lostFolder, m.name+"-present")
	if _, err := os.Stat(lost); err != nil {
		return nil // it was lost before there was anything in it
	}
	if err := r.killAndAwait(m); err != nil {
		return err
	}
	if err := errors.Join(os.Rename(own, aside), os.Rename(lost, own)); err != nil {
		return fmt.Errorf("put an old data folder back: %w", err)
	}
	r.mu.Lock()
	m.refuse, m.rejoin, m.refused = true, false, false
	r.momentLocked("operator", m.name+" is started on the data folder that it had lost", m.name)
	r.mu.Unlock()
	if r.tryOldFolder(m) {
		r.happen(a)
	}
	if err := r.killAndAwait(m); err != nil {
		return err
	}
	r.mu.Lock()
	m.refuse, m.rejoin = false, true
	r.momentLocked("operator", m.name+" gets its present data folder back", m.name)
	r.mu.Unlock()
	if err := errors.Join(os.Rename(own, lost), os.Rename(aside, own)); err != nil {
		return fmt.Errorf("take an old data folder away: %w", err)
	}
	return nil
}

// tryOldFolder starts a host, again if other faults kill it, until it has refused to serve, and tells whether it has.
func (r *run) tryOldFolder(m *member) bool {
	for end := time.Now().Add(acceptTimeout); time.Now().Before(end) && r.ctx.Err() == nil; {
		r.launch(m)
		r.awaitEnd(m, looksEvery)
		r.mu.Lock()
		refused, accepted := m.refused, m.accepted
		r.mu.Unlock()
		if refused || accepted { // the latter is a violation, noted where its log is read
			return refused
		}
	}
	return false
}

// await waits until a condition holds, which is looked at with the run's mu held; false if it takes too long.
func (r *run) await(timeout time.Duration, condition func() bool) bool {
	for end := time.Now().Add(timeout); time.Now().Before(end) && r.ctx.Err() == nil; time.Sleep(looksEvery) {
		r.mu.Lock()
		holds := condition()
		r.mu.Unlock()
		if holds {
			return true
		}
	}
	return false
}
