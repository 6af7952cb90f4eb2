package disk

// The counters of a disk, in the order of Probes.
const (
	ProbeSlow        = iota // operations that a slow disk delayed
	ProbeSlowSync           // syncs from the tail of the distribution
	ProbeHang               // operations that a hung disk held
	ProbeSyncError          // syncs that failed
	ProbeWriteError         // writes and truncates that failed
	ProbeReadError          // reads that failed
	ProbeFull               // writes and truncates refused because the disk was made full, and askings for its free space
	ProbeMisdirected        // writes that went elsewhere
	ProbeStaleRead          // reads that returned something old
	ProbeRot                // bytes whose bits were flipped
	ProbeLie                // syncs that left something undurable and said otherwise
	ProbeSyncCut            // crashes during a sync
	ProbeLostWrite          // unsynced writes and truncates lost in a crash
	ProbeTornWrite          // unsynced writes of which a crash left a part
	ProbeReordered          // unsynced writes that survived an earlier one in a crash
	ProbeLostName           // unsynced changes of names lost in a crash
	ProbeWiped              // times the disk was emptied
	ProbeRestored           // times an old image was put back
	probes
)

var probeNames = [probes]string{
	"slow", "slow sync", "hang", "sync error", "write error", "read error", "full", "misdirected write", "stale read",
	"rot", "lie", "sync cut by crash", "lost write", "torn write", "reordered write", "lost name", "wiped", "restored",
}

// Probe tells how often something happened to a disk.
type Probe struct {
	Name  string
	Count uint64
}

// Probes returns all counters since the disk was made, always in the same order.
func (d *Disk) Probes() []Probe {
	counts := make([]Probe, probes)
	for i := range counts {
		counts[i] = Probe{Name: probeNames[i], Count: d.probes[i]}
	}
	return counts
}

func (d *Disk) count(probe, n int) { d.probes[probe] += uint64(n) }
