package memdisk_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"chasqui/node"
	"chasqui/node/memdisk"
	"chasqui/node/nodetest"
)

func TestDiskConformance(t *testing.T) {
	nodetest.TestDisk(t, func(*testing.T) node.Disk { return memdisk.New() })
}

// TestDiskInAHost shows the use: the real machine with a disk that can lose power.
func TestDiskInAHost(t *testing.T) {
	nodetest.TestHost(t, func(t *testing.T) node.Host {
		host := nodetest.RealHost(t)
		host.Disk = memdisk.New()
		return host
	})
}

func TestCrashOfUnsyncedNames(t *testing.T) {
	tests := []struct {
		name  string
		steps func(t *testing.T, disk *memdisk.Disk)
		// outcomes are all listings that a crash may leave, as "name=content" in order.
		outcomes []string
		// least is the outcome in which nothing unsynced survives.
		least string
	}{
		{
			name: "a synced file is lost with its name",
			steps: func(t *testing.T, disk *memdisk.Disk) {
				put(t, disk, "a", "A")
			},
			outcomes: []string{"", "a=A"},
			least:    "",
		},
		{
			name: "a synced name stays",
			steps: func(t *testing.T, disk *memdisk.Disk) {
				put(t, disk, "a", "A")
				require.NoError(t, disk.SyncDir("."))
			},
			outcomes: []string{"a=A"},
			least:    "a=A",
		},
		{
			name: "a removed file may come back",
			steps: func(t *testing.T, disk *memdisk.Disk) {
				put(t, disk, "a", "A")
				require.NoError(t, disk.SyncDir("."))
				require.NoError(t, disk.Remove("a"))
			},
			outcomes: []string{"", "a=A"},
			least:    "a=A",
		},
		{
			name: "a rename is old or new, never neither",
			steps: func(t *testing.T, disk *memdisk.Disk) {
				put(t, disk, "current", "old")
				put(t, disk, "temp", "new")
				require.NoError(t, disk.SyncDir("."))
				require.NoError(t, disk.Rename("temp", "current"))
			},
			outcomes: []string{"current=new", "current=old temp=new"},
			least:    "current=old temp=new",
		},
		{
			name: "changes of names may survive out of order",
			steps: func(t *testing.T, disk *memdisk.Disk) {
				put(t, disk, "a", "A")
				put(t, disk, "b", "B")
			},
			outcomes: []string{"", "a=A", "a=A b=B", "b=B"},
			least:    "",
		},
		{
			name: "a folder's names are lost with the folder",
			steps: func(t *testing.T, disk *memdisk.Disk) {
				require.NoError(t, disk.MakeDir("folder"))
				put(t, disk, "folder/a", "A")
				require.NoError(t, disk.SyncDir("folder"))
			},
			outcomes: []string{"", "folder/a=A"},
			least:    "",
		},
		{
			name: "a move between folders is durable with the folder it goes to",
			steps: func(t *testing.T, disk *memdisk.Disk) {
				require.NoError(t, disk.MakeDir("folder"))
				put(t, disk, "a", "A")
				require.NoError(t, disk.Rename("a", "folder/a"))
				require.NoError(t, disk.SyncDir("folder"))
				require.NoError(t, disk.SyncDir("."))
			},
			outcomes: []string{"folder/a=A"},
			least:    "folder/a=A",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			disk := memdisk.New()
			test.steps(t, disk)
			before := listing(t, disk, ".")
			require.Equal(t, test.least, listing(t, disk.CrashLosingEverythingUnsynced(), "."))
			require.Equal(t, before, listing(t, disk.CrashKeepingEverything(), "."))
			seen := map[string]bool{}
			for seed := range uint64(200) {
				outcome := listing(t, disk.Crash(rand.New(rand.NewPCG(seed, 0))), ".")
				require.Contains(t, test.outcomes, outcome, "seed %d", seed)
				seen[outcome] = true
			}
			require.Len(t, seen, len(test.outcomes), "some outcomes never came up: %v", seen)
			require.Equal(t, before, listing(t, disk, "."), "the crash left the disk itself alone")
		})
	}
}

func TestCrashOfUnsyncedBytes(t *testing.T) {
	const sector = 512
	disk := memdisk.New()
	put(t, disk, "a", strings.Repeat("-", 4*sector))
	require.NoError(t, disk.SyncDir("."))
	file, err := disk.Open("a")
	require.NoError(t, err)
	_, err = file.WriteAt([]byte(strings.Repeat("x", 3*sector)), sector)
	require.NoError(t, err)
	_, err = file.WriteAt([]byte("end"), 4*sector)
	require.NoError(t, err)

	require.Equal(t, "----", sectors(t, disk.CrashLosingEverythingUnsynced()))
	require.Equal(t, "-xxxe", sectors(t, disk.CrashKeepingEverything()))
	seen := map[string]int{}
	for seed := range uint64(2000) {
		seen[sectors(t, disk.Crash(rand.New(rand.NewPCG(seed, 0))))]++
	}
	// Every subset of the three sectors of the first write, each with and without the second write.
	require.Len(t, seen, 16, "%v", seen)
	for outcome := range seen {
		require.Regexp(t, `^-[-x][-x][-x]e?$`, outcome)
	}
	again := disk.Crash(rand.New(rand.NewPCG(7, 0)))
	require.Equal(t, sectors(t, disk.Crash(rand.New(rand.NewPCG(7, 0)))), sectors(t, again), "one seed, one disk")

	require.NoError(t, file.Sync())
	for seed := range uint64(100) {
		require.Equal(t, "-xxxe", sectors(t, disk.Crash(rand.New(rand.NewPCG(seed, 0)))))
	}
}

func TestCrashOfUnsyncedTruncate(t *testing.T) {
	disk := memdisk.New()
	put(t, disk, "a", "hello")
	require.NoError(t, disk.SyncDir("."))
	file, err := disk.Open("a")
	require.NoError(t, err)
	require.NoError(t, file.Truncate(2))
	seen := map[string]bool{}
	for seed := range uint64(100) {
		seen[listing(t, disk.Crash(rand.New(rand.NewPCG(seed, 0))), ".")] = true
	}
	require.Equal(t, map[string]bool{"a=hello": true, "a=he": true}, seen)
}

// TestFailedSyncIsFinal shows why callers end the host: a later Sync says yes to bytes that the failed one lost.
func TestFailedSyncIsFinal(t *testing.T) {
	failure := errors.New("input/output error")
	disk := memdisk.New()
	put(t, disk, "a", "-----")
	require.NoError(t, disk.SyncDir("."))
	file, err := disk.Open("a")
	require.NoError(t, err)
	_, err = file.WriteAt([]byte("xx"), 0)
	require.NoError(t, err)
	_, err = disk.Create("b")
	require.NoError(t, err)
	disk.SetFault(func(op memdisk.Op) error {
		if op.Kind == memdisk.OpSync || op.Kind == memdisk.OpSyncDir {
			return failure
		}
		return nil
	})
	require.ErrorIs(t, file.Sync(), failure)
	require.ErrorIs(t, disk.SyncDir("."), failure)
	disk.SetFault(nil)
	_, err = file.WriteAt([]byte("yy"), 1)
	require.NoError(t, err)
	require.NoError(t, file.Sync())
	require.NoError(t, disk.SyncDir("."))

	require.Equal(t, "a=xyy-- b=", listing(t, disk, "."), "readers see it all")
	require.Equal(t, "a=-yy--", listing(t, disk.CrashLosingEverythingUnsynced(), "."))
	seen := map[string]bool{}
	for seed := range uint64(100) {
		seen[listing(t, disk.Crash(rand.New(rand.NewPCG(seed, 0))), ".")] = true
	}
	require.Equal(t, map[string]bool{"a=-yy--": true, "a=xyy--": true, "a=-yy-- b=": true, "a=xyy-- b=": true}, seen)
}

func TestFaultSeesEveryOperation(t *testing.T) {
	disk := memdisk.New()
	var seen []string
	disk.SetFault(func(op memdisk.Op) error {
		seen = append(seen, fmt.Sprintf("%v %s%s %d+%d", op.Kind, op.Name, op.To, op.Offset, op.Len))
		return nil
	})
	require.NoError(t, disk.MakeDir("f"))
	file, err := disk.Create("f/a")
	require.NoError(t, err)
	_, err = file.WriteAt([]byte("hello"), 3)
	require.NoError(t, err)
	_, err = file.ReadAt(make([]byte, 2), 4)
	require.NoError(t, err)
	require.NoError(t, file.Truncate(7))
	require.NoError(t, file.Sync())
	require.NoError(t, disk.Rename("f/a", "b"))
	_, err = disk.Open("b")
	require.NoError(t, err)
	_, err = disk.List("f")
	require.NoError(t, err)
	require.NoError(t, disk.SyncDir("."))
	require.NoError(t, disk.Remove("b"))
	require.Equal(t, []string{
		"makedir f 0+0", "create f/a 0+0", "write f/a 3+5", "read f/a 4+2", "truncate f/a 7+0", "sync f/a 0+0",
		"rename f/ab 0+0", "open b 0+0", "list f 0+0", "syncdir . 0+0", "remove b 0+0",
	}, seen)
}

func TestFaultHasNoEffectOnTheDisk(t *testing.T) {
	disk := memdisk.New()
	put(t, disk, "a", "hello")
	file, err := disk.Open("a")
	require.NoError(t, err)
	disk.SetFault(func(memdisk.Op) error { return node.ErrDiskFull })
	_, err = file.WriteAt([]byte("J"), 0)
	require.ErrorIs(t, err, node.ErrDiskFull)
	require.ErrorIs(t, file.Truncate(0), node.ErrDiskFull)
	require.ErrorIs(t, disk.Rename("a", "b"), node.ErrDiskFull)
	_, err = disk.Create("b")
	require.ErrorIs(t, err, node.ErrDiskFull)
	disk.SetFault(nil)
	require.Equal(t, "a=hello", listing(t, disk, "."))
}

// TestHungDisk has one write hang while others go on, and crashes the disk from within the fault function.
func TestHungDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := memdisk.New()
		hung, err := disk.Create("hung")
		require.NoError(t, err)
		release := make(chan struct{})
		var crashed *memdisk.Disk
		disk.SetFault(func(op memdisk.Op) error {
			if op.Name == "hung" {
				crashed = disk.CrashKeepingEverything()
				<-release
			}
			return nil
		})
		tasks := node.NewTasks(t.Context())
		returned := false
		tasks.Go("hung write", func(context.Context) {
			_, err := hung.WriteAt([]byte("late"), 0)
			returned = err == nil
		})
		synctest.Wait()
		require.False(t, returned)
		put(t, disk, "other", "fine")
		require.Equal(t, "hung= other=fine", listing(t, disk, "."))
		require.Equal(t, "hung=", listing(t, crashed, "."))
		close(release)
		tasks.Stop()
		require.True(t, returned)
		require.Equal(t, "hung=late other=fine", listing(t, disk, "."))
	})
}

func TestCapacity(t *testing.T) {
	disk := memdisk.New()
	disk.SetCapacity(10)
	put(t, disk, "a", "12345678")
	file, err := disk.Open("a")
	require.NoError(t, err)
	_, err = file.WriteAt([]byte("xxx"), 8)
	require.ErrorIs(t, err, node.ErrDiskFull)
	require.ErrorIs(t, file.Truncate(11), node.ErrDiskFull)
	require.Equal(t, "a=12345678", listing(t, disk, "."), "what was there before is unharmed")
	_, err = file.WriteAt([]byte("yy"), 8)
	require.NoError(t, err)
	requireFree(t, disk, 0)
	_, err = file.WriteAt([]byte("zz"), 0)
	require.NoError(t, err, "an overwrite needs no room")
	require.NoError(t, file.Truncate(4))
	requireFree(t, disk, 6)
	requireFree(t, disk.CrashKeepingEverything(), 6)
	put(t, disk, "b", "123")
	require.NoError(t, disk.Rename("b", "a"))
	requireFree(t, disk, 7)
	_, err = file.WriteAt([]byte("a file without a name takes no room"), 0)
	require.NoError(t, err)
	require.NoError(t, disk.Remove("a"))
	requireFree(t, disk, 10)
}

func TestCorruptIsDurable(t *testing.T) {
	disk := memdisk.New()
	put(t, disk, "a", "hello")
	require.NoError(t, disk.SyncDir("."))
	require.NoError(t, disk.Corrupt("a", 1, []byte("xx")))
	require.Equal(t, "a=hxxlo", listing(t, disk, "."))
	require.Equal(t, "a=hxxlo", listing(t, disk.CrashLosingEverythingUnsynced(), "."))
	require.Error(t, disk.Corrupt("a", 4, []byte("xx")), "outside of the file")
	require.ErrorIs(t, disk.Corrupt("b", 0, nil), fs.ErrNotExist)
}

func TestCrashReleasesLocks(t *testing.T) {
	disk := memdisk.New()
	_, err := disk.Lock("lock")
	require.NoError(t, err)
	_, err = disk.CrashLosingEverythingUnsynced().Lock("lock")
	require.NoError(t, err)
}

// put makes a file whose bytes are synced and whose name is not.
func put(t *testing.T, disk node.Disk, name, content string) {
	t.Helper()
	file, err := disk.Create(name)
	require.NoError(t, err)
	_, err = file.WriteAt([]byte(content), 0)
	require.NoError(t, err)
	require.NoError(t, file.Sync())
	require.NoError(t, file.Close())
}

// listing returns "name=content" of every file, in order, folders entered and otherwise not shown.
func listing(t *testing.T, disk *memdisk.Disk, dir string) string {
	t.Helper()
	names, err := disk.List(dir)
	require.NoError(t, err)
	var parts []string
	for _, name := range names {
		if dir != "." {
			name = dir + "/" + name
		}
		content, err := disk.Contents(name)
		if err != nil {
			if below := listing(t, disk, name); below != "" {
				parts = append(parts, below)
			}
			continue
		}
		parts = append(parts, name+"="+string(content))
	}
	return strings.Join(parts, " ")
}

// sectors returns the first byte of every sector of the file "a".
func sectors(t *testing.T, disk *memdisk.Disk) string {
	t.Helper()
	content, err := disk.Contents("a")
	require.NoError(t, err)
	var first strings.Builder
	for i := 0; i < len(content); i += 512 {
		sector := content[i:min(i+512, len(content))]
		require.Empty(t, strings.Trim(string(sector), string(sector[:1])+"end"), "a sector is old or new")
		first.WriteByte(sector[0])
	}
	return first.String()
}

func requireFree(t *testing.T, disk node.Disk, want int64) {
	t.Helper()
	free, err := disk.Free()
	require.NoError(t, err)
	require.Equal(t, want, free)
}
