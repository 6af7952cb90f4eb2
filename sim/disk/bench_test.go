package disk_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"chasqui/node/virtual/abi"
	"chasqui/sim/disk"
)

const segmentBytes = 1 << 20

// journalLoad makes segments of zeros and appends to them, as the journal does: 4 KiB and a sync each.
func journalLoad(b testing.TB, d *disk.Disk, appends int) {
	frame, zeros := make([]byte, 4096), make([]byte, segmentBytes)
	var handle uint32
	for i := range appends {
		offset := int64(i) * 4096 % segmentBytes
		if offset == 0 {
			segment := i * 4096 / segmentBytes
			created, _ := d.Do(abi.DiskCreate, 0, 0, fmt.Sprintf("segment-%d", segment), nil)
			require.Positive(b, created)
			handle = uint32(created)
			d.Do(abi.DiskWrite, handle, 0, "", zeros)
			if segment >= 8 {
				removed, _ := d.Do(abi.DiskRemove, 0, 0, fmt.Sprintf("segment-%d", segment-8), nil)
				require.Zero(b, removed)
			}
			_, pending := d.Do(abi.DiskSyncDir, 0, 0, ".", nil)
			pending.Finish()
		}
		frame[0], frame[1], frame[2] = byte(i), byte(i>>8), byte(i>>16)
		d.Do(abi.DiskWrite, handle, offset, "", frame)
		_, pending := d.Do(abi.DiskSync, handle, 0, "", nil)
		pending.Finish()
	}
}

// BenchmarkAppend is one write of 4 KiB and its sync.
func BenchmarkAppend(b *testing.B) {
	d := newDisk(1)
	b.ReportAllocs()
	journalLoad(b, d, b.N)
}

// The rest happens once in a while to a disk with eight full segments.

func benchmarkFull(b *testing.B, f func(d *disk.Disk)) {
	d := newDisk(1)
	journalLoad(b, d, 8*segmentBytes/4096)
	b.ResetTimer()
	for range b.N {
		f(d)
	}
}

func BenchmarkView(b *testing.B) { benchmarkFull(b, func(d *disk.Disk) { d.View() }) }

// BenchmarkVerifyJournal verifies a journal of 1600 entries in 25 segments of 256 KiB.
func BenchmarkVerifyJournal(b *testing.B) {
	p := &program{disk: newDisk(1)}
	require.NoError(b, withJournal(b, p, 1600))
	b.ResetTimer()
	for range b.N {
		require.NoError(b, disk.VerifyJournal(p.disk.View()))
	}
}

// BenchmarkHash is the hash after one more write.
func BenchmarkHash(b *testing.B) {
	d := newDisk(1)
	journalLoad(b, d, 8*segmentBytes/4096-1)
	opened, _ := d.Do(abi.DiskOpen, 0, 0, "segment-7", nil)
	for range b.N {
		d.Do(abi.DiskWrite, uint32(opened), 0, "", []byte{1})
		d.Hash()
	}
}
