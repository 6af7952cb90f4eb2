package main

import (
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"

	"chasqui/node/identity"
	"chasqui/node/memdisk"
	"chasqui/node/nodetest"
)

func TestWhichFolderMayReplaceALostOne(t *testing.T) {
	plain, rejoin := &replicaFlags{}, &replicaFlags{Rejoin: true}
	for _, test := range []struct {
		name   string
		holds  []string
		flags  *replicaFlags
		refuse string // "" if the folder may be used
		made   bool   // it replaces a lost one
	}{
		{"empty", nil, plain, "", false},
		{"empty, to rejoin", nil, rejoin, "", true},
		{"used", []string{journalDir, snapshotsDir}, plain, "", false},
		{"used, to rejoin", []string{journalDir, snapshotsDir}, rejoin, "move the folder away", false},
		{"journal alone, to rejoin", []string{journalDir}, rejoin, "move the folder away", false},
		{"journal gone", []string{snapshotsDir}, plain, "start with --rejoin", false},
		{"journal gone, to rejoin", []string{snapshotsDir}, rejoin, "move the whole folder away", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			disk := memdisk.New()
			p := &process{host: nodetest.RealHostIn(t, "backend-1", t.TempDir())}
			p.host.Disk = disk
			for _, name := range test.holds {
				require.NoError(t, disk.MakeDir(name))
			}
			ms, err := test.flags.rejoins(p)
			if test.refuse != "" {
				require.ErrorContains(t, err, test.refuse)
				_, err = readRejoin(disk)
				require.ErrorIs(t, err, fs.ErrNotExist)
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.made, ms > 0)
			if !test.made {
				return
			}
			// It stays so for ever, with the flag or without it, after a crash and with data.
			p.host.Disk = disk.CrashLosingEverythingUnsynced()
			require.NoError(t, p.host.Disk.MakeDir(journalDir))
			for _, flags := range []*replicaFlags{plain, rejoin} {
				again, err := flags.rejoins(p)
				require.NoError(t, err)
				require.Equal(t, ms, again)
			}
		})
	}
}

func TestADamagedRejoinFileIsRefused(t *testing.T) {
	p := &process{host: nodetest.RealHostIn(t, "backend-1", t.TempDir())}
	p.host.Disk = memdisk.New()
	for _, content := range []string{"", "0\n", "-5\n", "soon\n", "99999999999999999999\n"} {
		require.NoError(t, identity.WriteFile(p.host.Disk, rejoinName, []byte(content)))
		_, err := (&replicaFlags{}).rejoins(p)
		require.ErrorContains(t, err, "damaged", content)
	}
}
