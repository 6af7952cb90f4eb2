package wal

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chasqui/node"
	"chasqui/node/memdisk"
)

var update = flag.Bool("update", false, "write the golden files anew")

// fixedRandom gives every journal the same id.
type fixedRandom struct{ node.Random }

func (fixedRandom) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(i + 1)
	}
	return len(p), nil
}

// TestFormatIsPinned compares a whole segment, byte for byte, with the one that an earlier version wrote, and reads
// that one back.
func TestFormatIsPinned(t *testing.T) {
	disk := memdisk.New()
	host := hostOn(t, disk)
	host.Random = fixedRandom{host.Random}
	cfg := smallConfig()
	cfg.IdleDelay = time.Hour
	j, err := Open(host, testDir, cfg)
	require.NoError(t, err)
	g := j.Group(0x1234)
	require.NoError(t, g.SetHardState(HardState{Term: 5, VoteTerm: 4, VotedFor: []byte("backend-2")}))
	require.NoError(t, g.Append([]Entry{
		{Index: 11, Term: 3, Kind: 1, AppendedAt: 1_700_000_000_000_000_000, Data: []byte("hello")},
		{Index: 12, Term: 3},
		{Index: 13, Term: 4, Kind: 2, AppendedAt: -1, Data: bytes.Repeat([]byte{0xab}, 5000)},
	}))
	require.NoError(t, g.TruncateAfter(12))
	require.NoError(t, g.CompactTo(11))
	require.NoError(t, j.Group(7).Append([]Entry{{Index: 1, Term: 1, Data: []byte("x")}}))
	require.NoError(t, j.Group(7).Reset())
	require.NoError(t, j.Close())
	written, err := disk.Contents(segmentPath(testDir, 1))
	require.NoError(t, err)

	const golden = "testdata/segment.golden"
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(dump(written)), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), dump(written))

	j = openOn(t, disk, cfg)
	require.Equal(t, HardState{Term: 5, VoteTerm: 4, VotedFor: []byte("backend-2")}, j.Group(0x1234).HardState())
	require.Equal(t, uint64(12), j.Group(0x1234).FirstIndex())
	require.Equal(t, uint64(12), j.Group(0x1234).LastIndex())
	require.Zero(t, j.Group(7).LastIndex())
}

// dump writes bytes as offsets and hexadecimal rows, without the rows that are all zero.
func dump(b []byte) string {
	var out strings.Builder
	out.WriteString("# One segment of the journal: offset, bytes, text. Rows of zeros are left out. See segment.go and frame.go.\n")
	for at := 0; at < len(b); at += 16 {
		row := b[at : at+16]
		if bytes.Equal(row, make([]byte, 16)) {
			continue
		}
		text := bytes.Map(func(r rune) rune {
			if r < ' ' || r > '~' {
				return '.'
			}
			return r
		}, row)
		fmt.Fprintf(&out, "%06x  %s  %s\n", at, hex.EncodeToString(row), text)
	}
	return out.String()
}
