package wal

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzRecover changes bytes of a good journal. Whatever is opened then must not panic, and must not hold an entry that
// was never appended. Each 8 bytes of the input are one change: file 1, kind 1, offset 4, value 2.
func FuzzRecover(f *testing.F) {
	disk, models := filledDisk(f, 4)
	names := segmentNames(f, disk)
	f.Add([]byte{0, 0, 0, 0, 0, 0, 1, 0})
	f.Add([]byte{1, 0, 0, 0x30, 0, 0, 1, 0})
	f.Add([]byte{1, 1, 0, 0x50, 0, 0, 0, 0})
	f.Add([]byte{2, 2, 0, 0x50, 0, 0, 1, 0, 1, 2, 0, 0x60, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, changes []byte) {
		damaged := disk.CrashKeepingEverything()
		for ; len(changes) >= 8; changes = changes[8:] {
			name := names[int(changes[0])%len(names)]
			content, err := damaged.Contents(name)
			require.NoError(t, err)
			offset := int(binary.LittleEndian.Uint32(changes[2:])) % len(content)
			switch changes[1] % 3 {
			case 0: // flip bits
				content = []byte{content[offset] ^ changes[6], content[min(offset+1, len(content)-1)] ^ changes[7]}
			case 1: // zero a block
				offset = offset / blockBytes * blockBytes
				content = make([]byte, blockBytes)
			case 2: // put another block of the same file there
				offset = offset / blockBytes * blockBytes
				from := int(binary.LittleEndian.Uint16(changes[6:])) % (len(content) / blockBytes) * blockBytes
				content = content[from : from+blockBytes]
			}
			if offset+len(content) <= segmentBytesMin {
				require.NoError(t, damaged.Corrupt(name, int64(offset), content))
			}
		}
		j, err := Open(hostOn(t, damaged), testDir, smallConfig())
		if err != nil {
			var corruption *CorruptionError
			require.ErrorAs(t, err, &corruption)
			return
		}
		defer func() { require.NoError(t, j.Close()) }()
		for id := range models {
			g, m := j.Group(uint32(id)), &models[id]
			for index := g.FirstIndex(); index != 0 && index <= g.LastIndex(); index++ {
				got, err := g.Get(index)
				require.NoError(t, err)
				require.GreaterOrEqual(t, index, m.entries[0].Index)
				require.LessOrEqual(t, index, m.last())
				require.Equal(t, m.entries[index-m.entries[0].Index].Data, got.Data)
			}
		}
	})
}
