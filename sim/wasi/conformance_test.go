package wasi_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chasqui/sim/disk"
	"chasqui/sim/wasi"
	"chasqui/sim/world"
)

// TestConformance runs the tests of node/virtual, which include the suite that every host passes, as the program of a
// simulated host. They have the host to themselves; connections go from it to itself.
func TestConformance(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and compiles a large program")
	}
	binary, err := build(t.TempDir(), "test", "-c", "chasqui/node/virtual")
	require.NoError(t, err)
	suite, err := engine.Compile(binary)
	require.NoError(t, err)
	for _, test := range []struct {
		name   string
		config func(*world.Config)
		disk   func(*disk.Disk)
	}{
		{"a quiet world", func(*world.Config) {}, func(*disk.Disk) {}},
		{
			"short reads and writes, and a disk whose every operation takes time",
			func(c *world.Config) { c.ShortReadChance, c.ShortWriteChance = 500, 500 },
			func(d *disk.Disk) { d.Slow(10) },
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			run := func(seed uint64) uint64 {
				config := world.DefaultConfig()
				test.config(&config)
				w := world.New(seed, config)
				defer w.Close()
				d := disk.New(w.Stream("disk"), disk.DefaultConfig())
				test.disk(d)
				runSuite(t, suite, w, d)
				return w.Trace().Hash()
			}
			first := run(1)
			require.Equal(t, first, run(1), "the same seed is the same run")
			require.NotEqual(t, first, run(2))
		})
	}
}

// runSuite runs a test binary to its end, which must be a good one.
func runSuite(t *testing.T, suite *wasi.Program, w *world.World, d world.Disk) {
	t.Helper()
	var output bytes.Buffer
	var ends []world.End
	host := w.AddHost(world.HostSpec{
		Name: "host", IP: "10.0.0.1", Disk: d,
		Output: func(_ *world.Host, _ int32, p []byte) { output.Write(p) },
		Ended:  func(_ *world.Host, end world.End) { ends = append(ends, end) },
	})
	require.NoError(t, host.Boot(func(h *world.Host) (world.Guest, error) {
		return suite.Start(h, wasi.Options{Args: []string{"virtual.test", "-test.v"}})
	}))
	require.NoError(t, w.Run(time.Hour, func() bool { return len(ends) > 0 }))
	require.Equal(t, []world.End{{}}, ends, "%s", output.String())
	require.Contains(t, output.String(), "--- PASS: TestConformance")
}
