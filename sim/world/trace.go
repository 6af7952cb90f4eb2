package world

import (
	"fmt"
	"math/bits"
	"time"

	"github.com/cespare/xxhash/v2"
)

// EventKind says what a record of the trace is about.
type EventKind uint8

// The kinds of records. What A, B and C of a record mean depends on it.
const (
	TraceResume EventKind = iota + 1 // a guest has run: A host, B calls made so far, C nanoseconds it took
	TracePacket                      // a packet arrived: A connection and direction, B its kind and length, C hash of its bytes
	TraceDisk                        // a disk operation: A host, B operation and result, C hash of its arguments
	TraceRandom                      // randomness was drawn: A host, C hash of the bytes
	TraceOutput                      // a program wrote to its output: A host, C hash of the bytes
	TraceHost                        // a host booted, ended, crashed: A host, B what, C incarnation
	TraceFault                       // a fault: C hash of its description
	TraceNote                        // the experimenter noted something: C hash of the text
)

// String names the kind.
func (k EventKind) String() string {
	names := [...]string{"", "resume", "packet arrives", "disk", "random", "output", "host", "fault", "note"}
	if int(k) >= len(names) {
		return fmt.Sprintf("kind %d", k)
	}
	return names[k]
}

// Record is one event of a run.
type Record struct {
	At      int64
	Kind    EventKind
	A, B, C uint64
}

// String shows a record on one line.
func (r Record) String() string {
	return fmt.Sprintf("%v %v a=%d b=%d c=%016x", time.Duration(r.At), r.Kind, r.A, r.B, r.C)
}

// Trace is the chained hash over all events of a run. With a recording it keeps every record; with an expectation it
// compares each record with that of an earlier run and remembers the first that differs.
type Trace struct {
	hash      uint64
	count     uint64
	recording bool
	records   []Record
	expected  []Record
	compares  bool
	differs   *Difference
}

// Difference is the first event in which two runs of one seed differ.
type Difference struct {
	Index    uint64
	Earlier  Record // of the run that was recorded; the zero Record if it had ended
	Repeated Record // of the run that should have repeated it
	Before   []Record
}

// beforeMax is how many equal records are shown before the first that differs.
const beforeMax = 8

// Record makes the trace keep its records.
func (t *Trace) Record() { t.recording = true }

// Expect makes the trace compare itself with an earlier run's records.
func (t *Trace) Expect(records []Record) { t.expected, t.compares = records, true }

// Records returns what was kept.
func (t *Trace) Records() []Record { return t.records }

// Hash returns the chained hash of all events so far, and Count their number.
func (t *Trace) Hash() uint64 { return t.hash }

// Count returns the number of events so far.
func (t *Trace) Count() uint64 { return t.count }

// Difference returns the first event that was not as expected, or nil. It is complete once the run has ended and End
// was called.
func (t *Trace) Difference() *Difference { return t.differs }

// End notes that the run is over: an earlier run with more events differs there.
func (t *Trace) End() {
	if t.compares && t.differs == nil && t.count < uint64(len(t.expected)) {
		t.differ(t.expected[t.count], Record{})
	}
}

func (t *Trace) add(at int64, kind EventKind, a, b, c uint64) {
	r := Record{At: at, Kind: kind, A: a, B: b, C: c}
	h := t.hash
	for _, v := range [...]uint64{uint64(at), uint64(kind), a, b, c} {
		h = bits.RotateLeft64(h^v*0x9e3779b97f4a7c15, 29) * 0xbf58476d1ce4e5b9
	}
	t.hash = h ^ h>>32
	if t.compares && t.differs == nil && (t.count >= uint64(len(t.expected)) || t.expected[t.count] != r) {
		var earlier Record
		if t.count < uint64(len(t.expected)) {
			earlier = t.expected[t.count]
		}
		t.differ(earlier, r)
	}
	if t.recording {
		t.records = append(t.records, r)
	}
	t.count++
}

func (t *Trace) differ(earlier, repeated Record) {
	first := uint64(0)
	if t.count > beforeMax {
		first = t.count - beforeMax
	}
	last := min(t.count, uint64(len(t.expected)))
	t.differs = &Difference{Index: t.count, Earlier: earlier, Repeated: repeated, Before: t.expected[min(first, last):last]}
}

// hashBytes is the hash of a record's bytes.
func hashBytes(p []byte) uint64 { return xxhash.Sum64(p) }
