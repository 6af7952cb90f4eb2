package wasi_test

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"chasqui/sim/wasi"
)

// BenchmarkCalls measures what a program pays for what it asks of its machine, from within Go: a switch of goroutines
// ("yield", which asks for nothing but is the unit of interleaving), reading the clock, a sleep (a poll and a Resume),
// sending and receiving 100 bytes, and a disk operation that is announced on the card.
func BenchmarkCalls(b *testing.B) {
	for _, act := range []string{"yield", "now", "sleep", "send", "receive", "disk"} {
		b.Run(act, func(b *testing.B) {
			m := newMachine(1)
			i := start(b, m, act, strconv.Itoa(b.N))
			before := m.calls
			b.ResetTimer()
			code, detail := m.run(b, i)
			require.Zero(b, code, "%s", detail)
			b.ReportMetric(float64(m.calls-before)/float64(b.N), "calls/op")
		})
	}
}

// BenchmarkStart measures an instance of a small program from its start to its end.
func BenchmarkStart(b *testing.B) {
	for range b.N {
		m := newMachine(1)
		m.run(b, start(b, m, "hello"))
	}
}

// BenchmarkCompile measures the compilation of a small program, and loading what the cache has of it.
func BenchmarkCompile(b *testing.B) {
	dir := b.TempDir()
	binary, err := build(dir, "build", "./testdata/guest")
	require.NoError(b, err)
	compile := func(cache string) {
		engine, err := wasi.NewEngine(b.Context(), cache)
		require.NoError(b, err)
		_, err = engine.Compile(binary)
		require.NoError(b, err)
		require.NoError(b, engine.Close(b.Context()))
	}
	b.Run("cold", func(b *testing.B) {
		for n := range b.N {
			compile(filepath.Join(dir, "cold", strconv.Itoa(n)))
			require.NoError(b, os.RemoveAll(filepath.Join(dir, "cold")))
		}
	})
	b.Run("cached", func(b *testing.B) {
		compile(filepath.Join(dir, "cache"))
		b.ResetTimer()
		for range b.N {
			compile(filepath.Join(dir, "cache"))
		}
	})
}
