package wal

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"chasqui/node"
	"chasqui/node/nodetest"
)

// benchJournal opens a journal with the default configuration on the real disk, warm: its first segments are past.
func benchJournal(b *testing.B) *Journal {
	b.Helper()
	j, err := Open(nodetest.RealHost(b), "journal", DefaultConfig())
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, j.Close()) })
	data := make([]byte, 1<<20)
	for i := uint64(1); j.Stats().BytesWritten < 300<<20; i++ {
		require.NoError(b, j.Group(99).Append([]Entry{{Index: i, Term: 1, Data: data}}))
		require.NoError(b, j.Group(99).CompactTo(i))
	}
	return j
}

func benchSizes(b *testing.B, run func(b *testing.B, callers, size int)) {
	b.Run("256KiB-1caller", func(b *testing.B) { run(b, 1, 256<<10) })
	b.Run("1KiB-8callers", func(b *testing.B) { run(b, 8, 1<<10) })
	b.Run("1KiB-1caller", func(b *testing.B) { run(b, 1, 1<<10) })
}

// BenchmarkAppend is the journal with all it does; compare with BenchmarkRawDisk of the same run.
func BenchmarkAppend(b *testing.B) {
	benchSizes(b, func(b *testing.B, callers, size int) {
		j := benchJournal(b)
		b.SetBytes(int64(size))
		before := j.Stats().Syncs
		b.ResetTimer()
		var wait sync.WaitGroup
		for caller := range callers {
			wait.Go(func() {
				g := j.Group(uint32(caller))
				for i := caller; i < b.N; i += callers {
					index := uint64(i/callers) + 1
					if err := g.Append([]Entry{{Index: index, Term: 1, Data: make([]byte, size)}}); err != nil {
						b.Error(err)
						return
					}
					if index%64 == 0 {
						if err := g.CompactTo(index - 32); err != nil {
							b.Error(err)
							return
						}
					}
				}
			})
		}
		wait.Wait()
		b.StopTimer()
		b.ReportMetric(float64(b.N)/float64(j.Stats().Syncs-before), "appends/sync")
	})
}

// BenchmarkRawDisk overwrites a file that is full of zeros and syncs, one operation at a time, as much as the journal
// writes for one append.
func BenchmarkRawDisk(b *testing.B) {
	benchSizes(b, func(b *testing.B, _, size int) {
		disk := nodetest.RealHost(b).Disk
		file, err := disk.Create("raw")
		require.NoError(b, err)
		const length = 64 << 20
		fill(b, file, length)
		frame := make([]byte, alignUp(size+frameHeaderBytes+recordHeaderBytes))
		b.SetBytes(int64(size))
		offset := int64(0)
		b.ResetTimer()
		for range b.N {
			if offset+int64(len(frame)) > length {
				offset = 0
			}
			if _, err := file.WriteAt(frame, offset); err != nil {
				b.Fatal(err)
			}
			if err := file.Sync(); err != nil {
				b.Fatal(err)
			}
			offset += int64(len(frame))
		}
	})
}

func fill(b *testing.B, file node.File, length int64) {
	b.Helper()
	for offset := int64(0); offset < length; offset += fillBytes {
		_, err := file.WriteAt(make([]byte, fillBytes), offset)
		require.NoError(b, err)
	}
	require.NoError(b, file.Sync())
}

// BenchmarkOpenEmpty is the time until a new host has a journal.
func BenchmarkOpenEmpty(b *testing.B) {
	for range b.N {
		j, err := Open(nodetest.RealHostIn(b, "host", b.TempDir()), "journal", DefaultConfig())
		require.NoError(b, err)
		b.StopTimer()
		require.NoError(b, j.Close())
		b.StartTimer()
	}
}

// BenchmarkFrame is what it takes to make a frame of entries that lie in memory and not in the processor's caches.
func BenchmarkFrame(b *testing.B) {
	for _, size := range []int{1 << 10, 16 << 10, 64 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			f := frame{salt: 1}
			const bytes = 1 << 20 // of a frame
			memory := make([]byte, 64*bytes)
			b.SetBytes(bytes)
			for i := 0; b.Loop(); i++ {
				rest := memory[i%64*bytes:][:bytes]
				f.begin(frameHeader{segment: 1, offset: framesStart}, 2*bytes, 2*bytes)
				for ; len(rest) > 0; rest = rest[size:] {
					f.add(record{kind: kindEntry, group: 1, index: 1, data: rest[:size]})
				}
				f.finish()
			}
		})
	}
}
