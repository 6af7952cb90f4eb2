package identity

import (
	"errors"
	"io"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"

	"chasqui/node"
	"chasqui/node/memdisk"
	"chasqui/node/real"
)

func hostOn(t *testing.T, disk node.Disk) node.Host {
	t.Helper()
	host, err := real.New(real.Options{Name: "test", LogOutput: io.Discard})
	require.NoError(t, err)
	host.Disk = disk
	return host
}

func claim(t *testing.T, host node.Host, role, id string) Identity {
	t.Helper()
	folder, err := Claim(host, role, id, 0)
	require.NoError(t, err)
	require.NoError(t, folder.Close())
	return folder.Identity
}

func write(t *testing.T, disk node.Disk, name string, content []byte) {
	t.Helper()
	require.NoError(t, WriteFile(disk, name, content))
}

func TestAnEmptyFolderGetsAnIdentityThatStays(t *testing.T) {
	disk := memdisk.New()
	first := claim(t, hostOn(t, disk), "backend", "backend-1")
	require.Equal(t, "backend", first.Role)
	require.Equal(t, "backend-1", first.ID)
	require.Regexp(t, "^[0-9a-f]{32}$", first.Incarnation)
	require.Equal(t, first, claim(t, hostOn(t, disk), "backend", "backend-1"))

	// A power loss right after Claim returned takes nothing back.
	require.Equal(t, first, claim(t, hostOn(t, disk.CrashLosingEverythingUnsynced()), "backend", "backend-1"))

	other := claim(t, hostOn(t, memdisk.New()), "backend", "backend-1")
	require.NotEqual(t, first.Incarnation, other.Incarnation)
}

func TestAForeignFolderIsRefused(t *testing.T) {
	host := hostOn(t, memdisk.New())
	owner := claim(t, host, "backend", "backend-1")
	for _, c := range []struct{ role, id, text string }{
		{"backend", "backend-2", `data folder belongs to backend "backend-1", not to backend "backend-2"`},
		{"metadata", "backend-1", `data folder belongs to backend "backend-1", not to metadata "backend-1"`},
	} {
		_, err := Claim(host, c.role, c.id, 0)
		var foreign *ForeignError
		require.ErrorAs(t, err, &foreign)
		require.Equal(t, owner, foreign.Owner)
		require.EqualError(t, err, c.text)
	}
	claim(t, host, "backend", "backend-1") // the refusals gave the lock back
}

func TestAFolderInUseIsRefused(t *testing.T) {
	host := hostOn(t, memdisk.New())
	folder, err := Claim(host, "backend", "backend-1", 0)
	require.NoError(t, err)
	_, err = Claim(host, "backend", "backend-1", 0)
	require.ErrorIs(t, err, node.ErrLocked)
	require.NoError(t, folder.Close())
	claim(t, host, "backend", "backend-1")
}

func TestFilesWithoutAnIdentityAreRefused(t *testing.T) {
	disk := memdisk.New()
	write(t, disk, "journal", []byte("somebody's"))
	_, err := Claim(hostOn(t, disk), "backend", "backend-1", 0)
	require.ErrorIs(t, err, ErrNoIdentity)
	require.ErrorContains(t, err, "journal")
}

func TestADamagedIdentityIsRefused(t *testing.T) {
	for name, damage := range map[string]func(content []byte) []byte{
		"another id":     func(c []byte) []byte { c[len(`{"format":1,"role":"backend","id":"backend-`)] = '2'; return c },
		"cut":            func(c []byte) []byte { return c[:len(c)/2] },
		"empty":          func([]byte) []byte { return nil },
		"zeros":          func(c []byte) []byte { return make([]byte, len(c)) },
		"larger than it": func(c []byte) []byte { return make([]byte, sizeMax+1) },
	} {
		t.Run(name, func(t *testing.T) {
			disk := memdisk.New()
			host := hostOn(t, disk)
			claim(t, host, "backend", "backend-1")
			content, err := disk.Contents(fileName)
			require.NoError(t, err)
			write(t, disk, fileName, damage(content))
			_, err = Claim(host, "backend", "backend-1", 0)
			require.ErrorIs(t, err, ErrCorrupt)
		})
	}
}

func TestTheFormatIsPinned(t *testing.T) {
	const golden = `{"format":1,"role":"backend","id":"backend-2","incarnation":"00112233445566778899aabbccddeeff","crc32c":"8468cf08"}` + "\n"
	disk := memdisk.New()
	write(t, disk, fileName, []byte(golden))
	require.Equal(t, Identity{Role: "backend", ID: "backend-2", Incarnation: "00112233445566778899aabbccddeeff"},
		claim(t, hostOn(t, disk), "backend", "backend-2"))
	parsed, err := parse([]byte(golden))
	require.NoError(t, err)
	require.Equal(t, "backend-2", parsed.ID)

	number, err := parsed.Number()
	require.NoError(t, err)
	require.Equal(t, uint64(0x0011223344556677), number)
	_, err = Identity{Incarnation: "0011"}.Number()
	require.Error(t, err)

	newer := document{Format: 2, Role: "backend", ID: "backend-2"}
	_, err = parse([]byte(`{"format":2,"role":"backend","id":"backend-2","crc32c":"` + newer.checksum() + `"}`))
	require.ErrorContains(t, err, "format 2")
}

func TestADiskWithoutRoomIsRefusedWithNumbers(t *testing.T) {
	disk := memdisk.New()
	disk.SetCapacity(1000)
	_, err := Claim(hostOn(t, disk), "backend", "backend-1", 5000)
	require.ErrorIs(t, err, node.ErrDiskFull)
	require.ErrorContains(t, err, "5000 are needed")
}

func TestNamesWithSpacesAreRefused(t *testing.T) {
	host := hostOn(t, memdisk.New())
	for _, c := range [][2]string{{"", "x"}, {"backend", ""}, {"backend", "a b"}, {"back\nend", "a"}, {"backend", string(make([]byte, 300))}} {
		_, err := Claim(host, c[0], c[1], 0)
		require.Error(t, err, "%q", c)
	}
}

// Whichever operation of the first Claim does not succeed, the folder is afterwards either without an identity, so that
// the next start makes one, or has a whole one; and nothing Claim returned is ever taken back.
func TestACrashDuringTheFirstClaimLeavesAUsableFolder(t *testing.T) {
	broken := errors.New("injected")
	for at := 0; ; at++ {
		disk := memdisk.New()
		step := 0
		disk.SetFault(func(memdisk.Op) error {
			if step++; step > at {
				return broken
			}
			return nil
		})
		folder, err := Claim(hostOn(t, disk), "backend", "backend-1", 0)
		disk.SetFault(nil)
		for _, after := range []*memdisk.Disk{disk.CrashLosingEverythingUnsynced(), disk.CrashKeepingEverything()} {
			found := claim(t, hostOn(t, after), "backend", "backend-1")
			if err == nil {
				require.Equal(t, folder.Identity, found)
			}
		}
		if err == nil {
			require.Greater(t, at, 5, "faults were injected")
			return
		}
		require.ErrorIs(t, err, broken)
	}
}

func TestWriteFileReplacesAtomically(t *testing.T) {
	disk := memdisk.New()
	write(t, disk, "a", []byte("old"))
	disk.SetFault(func(op memdisk.Op) error {
		if op.Kind == memdisk.OpRename {
			return fs.ErrPermission
		}
		return nil
	})
	require.ErrorIs(t, WriteFile(disk, "a", []byte("new")), fs.ErrPermission)
	disk.SetFault(nil)
	content, err := disk.CrashKeepingEverything().Contents("a")
	require.NoError(t, err)
	require.Equal(t, "old", string(content))
	write(t, disk, "a", []byte("new"))
	content, err = disk.CrashLosingEverythingUnsynced().Contents("a")
	require.NoError(t, err)
	require.Equal(t, "new", string(content))
}
