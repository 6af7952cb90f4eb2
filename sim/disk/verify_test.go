package disk_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"chasqui/node"
	"chasqui/node/memdisk"
	"chasqui/node/nodetest"
	"chasqui/node/wal"
	"chasqui/sim/disk"
)

// withJournal runs a journal of many small entries on a host's disk, and returns the error of the first append that
// failed.
func withJournal(t testing.TB, d node.Disk, entries int) error {
	t.Helper()
	host := nodetest.RealHost(t)
	host.Disk = d
	host.Fail = func(error) {}
	cfg := wal.DefaultConfig()
	cfg.SegmentBytes = 256 << 10
	journal, err := wal.Open(host, "journal", cfg)
	if err != nil {
		return err
	}
	group := journal.Group(1)
	last := group.LastIndex()
	for i := range uint64(entries) {
		if err := group.Append([]wal.Entry{{Index: last + i + 1, Term: 1, Data: make([]byte, 3000)}}); err != nil {
			// The journal is poisoned; what matters is the first error.
			_ = journal.Close()
			return err
		}
	}
	return journal.Close()
}

func TestVerifyJournal(t *testing.T) {
	h := newHost(t, 1)
	require.NoError(t, disk.VerifyJournal(h.disk.View()), "there is none")
	require.NoError(t, h.MakeDir("journal"))
	require.NoError(t, disk.VerifyJournal(h.disk.View()), "it has no segments")
	require.NoError(t, withJournal(t, h, 300))
	hash := h.disk.Hash()
	require.NoError(t, disk.VerifyJournal(h))
	require.Equal(t, hash, h.disk.Hash(), "what is verified is left as it is")
	for seed := range uint64(5) {
		h.disk.Crash(rand.New(rand.NewPCG(seed, 1)), disk.PowerCut)
		require.NoError(t, disk.VerifyJournal(h.disk.View()))
		require.NoError(t, withJournal(t, h, 20))
	}
}

// TestVerifyJournalFindsDamage flips one byte in the middle of the records.
func TestVerifyJournalFindsDamage(t *testing.T) {
	stored := memdisk.New()
	require.NoError(t, withJournal(t, stored, 300))
	require.NoError(t, disk.VerifyJournal(stored))
	require.NoError(t, stored.Corrupt("journal/seg-000001.wal", 100_000, []byte{0xFF}))
	var corruption *wal.CorruptionError
	require.ErrorAs(t, disk.VerifyJournal(stored), &corruption)
	require.Equal(t, "journal/seg-000001.wal", corruption.File)
	require.LessOrEqual(t, corruption.Offset, int64(100_000))
}

// TestTheJournalMeetsTheFaults runs the real journal on disks with faults: it must never take a fault for success, and
// what it left must verify.
func TestTheJournalMeetsTheFaults(t *testing.T) {
	tests := []struct {
		name  string
		fault func(d *disk.Disk)
		want  error
	}{
		{"sync error", func(d *disk.Disk) { d.FailSyncs(1) }, wal.ErrPoisoned},
		{"write error", func(d *disk.Disk) { d.FailWrites(1) }, wal.ErrPoisoned},
		{"full", func(d *disk.Disk) { d.Full(100_000) }, node.ErrDiskFull},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for seed := range uint64(5) {
				h := newHost(t, seed)
				require.NoError(t, withJournal(t, h, 50))
				test.fault(h.disk)
				require.Error(t, withJournal(t, h, 1000))
				require.NotZero(t, h.probe(test.name))
				h.disk.NotFull()
				h.disk.Crash(nil, disk.EverythingKept)
				require.NoError(t, disk.VerifyJournal(h.disk.View()))
				require.NoError(t, withJournal(t, h, 10), "the next process goes on")
				h.disk.Crash(rand.New(rand.NewPCG(seed, 1)), disk.PowerCut)
				require.NoError(t, disk.VerifyJournal(h.disk.View()))
			}
		})
	}
}
