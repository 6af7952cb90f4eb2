package metadata

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"chasqui/metadata/catalog"
	"chasqui/node/replication"
)

// heardMax bounds the different (host id, data folder) pairs whose heartbeats are remembered. Beyond it the one
// silent for the longest goes.
const heardMax = 2 * catalog.HostsMax

// liveness remembers the last heartbeat of every backend host, in memory only. It is safe for concurrent use.
type liveness struct {
	deadAfter time.Duration

	mu    sync.Mutex // guards heard
	heard map[heardKey]heard
}

// heardKey keeps two processes that use the same host id apart.
type heardKey struct {
	id          string
	incarnation uint64
}

// heard is a heartbeat and when it came, by this host's clock.
type heard struct {
	info HeartbeatInfo
	at   time.Time
}

func newLiveness(deadAfter time.Duration) *liveness {
	return &liveness{deadAfter: deadAfter, heard: make(map[heardKey]heard)}
}

// hear remembers a heartbeat and tells whether it is the first of its host and data folder.
func (l *liveness) hear(info HeartbeatInfo, now time.Time) (first bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := heardKey{info.Host.ID, info.Host.Incarnation}
	_, known := l.heard[key]
	l.heard[key] = heard{info: info, at: now}
	if len(l.heard) > heardMax {
		l.dropOldest()
	}
	return !known
}

// dropOldest forgets the host that is silent for the longest. l.mu is held.
func (l *liveness) dropOldest() {
	var oldest heardKey
	for key, h := range l.heard {
		if oldest == (heardKey{}) || h.at.Before(l.heard[oldest].at) {
			oldest = key
		}
	}
	delete(l.heard, oldest)
}

// of returns the last heartbeat of exactly this host and data folder.
func (l *liveness) of(h *catalog.Host) (heard, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	last, ok := l.heard[heardKey{h.ID, h.Incarnation}]
	return last, ok
}

// all returns the last heartbeats in order of host id and data folder.
func (l *liveness) all() []heard {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.SortedFunc(maps.Values(l.heard), func(a, b heard) int {
		return cmp.Or(cmp.Compare(a.info.Host.ID, b.info.Host.ID), cmp.Compare(a.info.Host.Incarnation, b.info.Host.Incarnation))
	})
}

// alive tells whether the heartbeat is recent enough at now.
func (l *liveness) alive(h heard, now time.Time) bool { return now.Sub(h.at) < l.deadAfter }

// group returns what the heartbeat said of a slot's replica.
func (h *heard) group(slot int) (*replication.Status, bool) {
	for i := range h.info.Groups {
		if h.info.Groups[i].Group == uint32(slot) {
			return &h.info.Groups[i], true
		}
	}
	return nil, false
}
