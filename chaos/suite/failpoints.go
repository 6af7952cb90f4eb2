package suite

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"chasqui/sim"
)

// The packages whose failpoints are compiled into the binary.
const (
	walPackage         = "chasqui/node/wal/"
	replicationPackage = "chasqui/node/replication/"
)

// The failpoints that stand for a disk.
const (
	diskSync  = walPackage + "wal/beforeDiskSync"
	diskWrite = walPackage + "wal/beforeDiskWrite"
)

// failpoints are the durable boundaries at which a process may panic; a fault's Arg counts them from 1.
var failpoints = []string{
	walPackage + "wal/beforeNewSegment", walPackage + "wal/beforeWrite", walPackage + "wal/afterWrite",
	walPackage + "wal/beforeSync", walPackage + "wal/afterSync",
	replicationPackage + "replication/beforeSnapshotSync", replicationPackage + "replication/beforeSnapshotRename",
	replicationPackage + "replication/beforeSnapshotDirSync", replicationPackage + "replication/beforeRejoinMark",
	replicationPackage + "replication/beforeRejoinMarkRemoval",
}

// Which of them are passed at any time, by every process soon after its start, and only by one that rejoins.
const (
	anytimeFirst, anytimeLast = 1, 8
	bootFirst, bootLast       = 2, 5
	rejoinFirst, rejoinLast   = 9, 10
)

const (
	syncErrorText  = "failpoint: the disk does not sync"
	writeErrorText = "failpoint: the disk does not write"
	// hungMs is longer than any process waits for its disk, in milliseconds.
	hungMs = 30_000
	// slowPercent of the syncs of a slow disk are slow.
	slowPercent = 30
	// bootPasses is how often a process that is to panic soon after its start passes the place before.
	bootPasses = 5
)

// terms returns the failpoint of a fault and what happens there, in the language of pingcap/failpoint.
func terms(f *sim.Fault) (name, terms string) {
	switch f.Kind {
	case sim.FsyncError:
		return diskSync, fmt.Sprintf("1*return(%q)", syncErrorText)
	case sim.WriteError:
		return diskWrite, fmt.Sprintf("1*return(%q)", writeErrorText)
	case sim.HungDisk:
		return diskSync, fmt.Sprintf("1*sleep(%d)", hungMs)
	case SlowSync:
		return diskSync, fmt.Sprintf("%d%%sleep(%d)", slowPercent, f.Arg)
	case FailpointBoot:
		return failpoints[f.Arg-1], fmt.Sprintf("%d*off->1*panic", bootPasses)
	default:
		return failpoints[f.Arg-1], "1*panic"
	}
}

func beginFailpoint(r *run, a *active) {
	name, what := terms(&a.Fault)
	for _, m := range a.on {
		r.mu.Lock()
		runs := m.pid != 0
		if runs {
			m.failpoints[a.Kind] = a // before it fires
		}
		r.mu.Unlock()
		if runs {
			r.later.Go(func() { r.askFailpoint(m, http.MethodPut, name, what) })
		}
	}
}

func liftFailpoint(r *run, a *active) {
	name, _ := terms(&a.Fault)
	for _, m := range a.on {
		r.later.Go(func() { r.askFailpoint(m, http.MethodDelete, name, "") })
	}
}

// beginFailpointBoot kills a process whose next one has a failpoint from its start on.
func beginFailpointBoot(r *run, a *active) {
	for _, m := range a.on {
		r.mu.Lock()
		m.bootFault = a
		r.mu.Unlock()
		r.kill(m, &active{silent: true}) // if it does not run, it soon will
	}
}

// noFailpoints takes every failpoint away.
func (r *run) noFailpoints() {
	for _, m := range r.members {
		r.mu.Lock()
		m.bootFault = nil
		r.mu.Unlock()
		if m.tail == nil || !r.plan.Failpoints {
			continue
		}
		for _, name := range append(slices.Clone(failpoints), diskSync, diskWrite) {
			r.askFailpoint(m, http.MethodDelete, name, "")
		}
	}
}

// failpointTimeout bounds a request to a process, which may be stopped.
const failpointTimeout = 5 * time.Second

// askFailpoint changes a failpoint of a process. One that does not answer is dead or stopped, which is none of this
// fault's business: it is counted when it happens and not when it is ordered.
func (r *run) askFailpoint(m *member, method, name, what string) {
	ctx, cancel := context.WithTimeout(r.ctx, failpointTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, "http://"+r.layout.own(m.name, failpointPort)+"/"+name, strings.NewReader(what))
	if err != nil {
		r.fail(fmt.Errorf("ask %s for failpoint %s: %w", m.name, name, err))
		return
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return
	}
	defer answer.Body.Close()
	if method == http.MethodPut && answer.StatusCode != http.StatusNoContent {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, excerptMax)) // it only explains
		r.fail(fmt.Errorf("%s does not take failpoint %s=%s: %s: %s", m.name, name, what, answer.Status, text))
	}
}

// Build is how a binary was built, as far as it matters here.
type Build struct {
	Failpoints bool `json:"failpoints"`
	Race       bool `json:"race"`
}

// failpointTag is the build tag of binaries whose failpoints were compiled in.
const failpointTag = "failpoint"

// BuildOf reads a binary's own account of how it was built.
func BuildOf(binary string) (Build, error) {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return Build{}, fmt.Errorf("read how %s was built: %w", binary, err)
	}
	var b Build
	for _, s := range info.Settings {
		switch s.Key {
		case "-tags":
			b.Failpoints = slices.Contains(strings.Split(s.Value, ","), failpointTag)
		case "-race":
			b.Race = s.Value == "true"
		}
	}
	return b, nil
}
