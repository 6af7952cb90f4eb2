package main

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chasqui/node"
	"chasqui/node/identity"
	"chasqui/node/memdisk"
	"chasqui/node/nodetest"
	"chasqui/node/wal"
)

// refusalTimeout is long enough to find out what is wrong on a busy machine.
const refusalTimeout = 10 * time.Second

// refused carries out a command line that must end with an error before anything is served.
func refused(t *testing.T, args ...string) error {
	t.Helper()
	ended := make(chan error, 1)
	go func() {
		ended <- run(args, io.Discard, io.Discard, func(code int) { t.Errorf("exit with code %d", code) })
	}()
	select {
	case err := <-ended:
		require.Error(t, err, "%q", args)
		return err
	case <-time.After(refusalTimeout):
		require.FailNow(t, "it has started", "%q", args)
		return nil
	}
}

// roleOn returns a command line of a role that has a data folder.
func roleOn(role, id, data, listen string) []string {
	args := []string{role, "--id=" + id, "--data=" + data, "--listen=" + listen}
	if role == "metadata" {
		return append(args, "--members="+id+"="+listen)
	}
	return append(args, "--metadata=127.0.0.1:1")
}

func TestAnAddressInUse(t *testing.T) {
	taken, err := nodetest.RealHost(t).Network.Listen("127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	address := taken.Addr().String()
	for _, c := range []struct {
		args []string
		flag string
	}{
		{roleOn("backend", "b", t.TempDir(), address), "--listen"},
		{roleOn("metadata", "m", t.TempDir(), address), "--listen"},
		{[]string{"metadata", "--id=m", "--data=" + t.TempDir(), "--members=m=" + address}, "--members"},
		{[]string{"frontend", "--id=f", "--metadata=127.0.0.1:1", "--listen=" + address}, "--listen"},
		{[]string{"frontend", "--id=f", "--metadata=127.0.0.1:1", "--listen=127.0.0.1:0", "--control=" + address}, "--control"},
		{[]string{"balancer", "--id=l", "--frontends=127.0.0.1:1", "--primary", "--control=" + address}, "--control"},
		{[]string{"up", "--data=" + t.TempDir(), "--listen=" + address}, "--listen"},
		{append(roleOn("backend", "b", t.TempDir(), "127.0.0.1:0"), "--pprof="+address), "--pprof"},
	} {
		err := refused(t, c.args...)
		require.ErrorIs(t, err, node.ErrAddressInUse)
		require.ErrorContains(t, err, address)
		require.ErrorContains(t, err, c.flag)
	}
}

func TestADataFolderOfSomebodyElse(t *testing.T) {
	data := t.TempDir()
	host := nodetest.RealHostIn(t, "owner", data)
	owner, err := identity.Claim(host, "backend", "b-1", 0)
	require.NoError(t, err)
	err = refused(t, roleOn("backend", "b-1", data, "127.0.0.1:0")...)
	require.ErrorIs(t, err, node.ErrLocked)
	require.ErrorContains(t, err, data+" is in use by another process")
	require.NoError(t, owner.Close())

	require.ErrorContains(t, refused(t, roleOn("backend", "b-2", data, "127.0.0.1:0")...),
		`data folder belongs to backend "b-1", not to backend "b-2"; choose another folder with --data`)
	require.ErrorContains(t, refused(t, roleOn("metadata", "b-1", data, "127.0.0.1:0")...),
		`data folder belongs to backend "b-1", not to metadata "b-1"; choose another folder with --data`)
	require.ErrorContains(t, refused(t, "up", "--data="+data, "--listen=127.0.0.1:0"), `belongs to backend "b-1"`)
	require.ErrorContains(t, refused(t, "dev", "--data="+data, "--listen=127.0.0.1:0"), `belongs to backend "b-1"`)

	require.NoError(t, os.WriteFile(filepath.Join(data, "identity"), []byte("{}"), 0o600))
	require.ErrorIs(t, refused(t, roleOn("backend", "b-1", data, "127.0.0.1:0")...), identity.ErrCorrupt)
	require.NoError(t, os.Remove(filepath.Join(data, "identity")))
	require.NoError(t, os.WriteFile(filepath.Join(data, "thesis.txt"), nil, 0o600))
	err = refused(t, roleOn("backend", "b-1", data, "127.0.0.1:0")...)
	require.ErrorIs(t, err, identity.ErrNoIdentity)
	require.ErrorContains(t, err, "thesis.txt")
}

func TestADataFolderThatCannotBeWrittenTo(t *testing.T) {
	t.Run("for a user", func(t *testing.T) {
		if os.Geteuid() == 0 {
			t.Skip("root may write everywhere")
		}
		data := t.TempDir()
		require.NoError(t, os.Chmod(data, 0o500))
		for _, folder := range []string{data, filepath.Join(data, "below")} {
			require.ErrorContains(t, refused(t, roleOn("backend", "b", folder, "127.0.0.1:0")...), folder+" is not writable")
		}
	})
	t.Run("for anybody", func(t *testing.T) {
		disk := memdisk.New()
		disk.SetFault(func(op memdisk.Op) error {
			if op.Kind == memdisk.OpCreate {
				return fs.ErrPermission
			}
			return nil
		})
		host := nodetest.RealHost(t)
		host.Disk = disk
		_, err := claimFolder(host, "backend", "b", "/data", 0)
		require.ErrorIs(t, err, fs.ErrPermission)
		require.ErrorContains(t, err, "data folder /data is not writable")
	})
	t.Run("a file in its place", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "file")
		require.NoError(t, os.WriteFile(file, nil, 0o600))
		require.ErrorContains(t, refused(t, roleOn("backend", "b", file, "127.0.0.1:0")...), file)
	})
}

// A host starts only with room for its first segments and some more, whatever the size that was asked for.
func TestADiskWithoutRoom(t *testing.T) {
	cli, err := parse(t, "backend", "--id=b", "--data=d", "--metadata=m:1")
	require.NoError(t, err)
	needs := cli.Backend.spaceBytes()
	require.Greater(t, needs, 2*cli.Backend.SegmentBytes)
	disk := memdisk.New()
	host := nodetest.RealHost(t)
	host.Disk = disk
	disk.SetCapacity(needs - 1)
	_, err = claimFolder(host, "backend", "b", "/data", needs)
	require.ErrorIs(t, err, node.ErrDiskFull)
	require.ErrorContains(t, err, "data folder /data")
	disk.SetCapacity(needs)
	folder, err := claimFolder(host, "backend", "b", "/data", needs)
	require.NoError(t, err)
	require.NoError(t, folder.Close())

	// The command line asks for that room: no disk has this much.
	data := t.TempDir()
	for _, role := range []string{"backend", "metadata"} {
		require.ErrorIs(t, refused(t, append(roleOn(role, "b", data, "127.0.0.1:0"), "--segment-bytes=1152921504606842880")...), node.ErrDiskFull)
	}
	names, err := os.ReadDir(data)
	require.NoError(t, err)
	for _, name := range names {
		require.Equal(t, "lock", name.Name(), "the folder was taken all the same")
	}
}

func TestADamagedJournal(t *testing.T) {
	for _, role := range []string{"backend", "metadata"} {
		t.Run(role, func(t *testing.T) {
			data := t.TempDir()
			host := nodetest.RealHostIn(t, "b", data)
			folder, err := identity.Claim(host, role, "b", 0)
			require.NoError(t, err)
			journal, err := wal.Open(host, journalDir, wal.DefaultConfig())
			require.NoError(t, err)
			for index := range uint64(10) {
				require.NoError(t, journal.Group(0).Append([]wal.Entry{{Index: index + 1, Term: 1, Data: bytes.Repeat([]byte("message"), 700)}}))
			}
			require.NoError(t, journal.Close())
			require.NoError(t, folder.Close())

			segments, err := filepath.Glob(filepath.Join(data, journalDir, "*[0-9]*"))
			require.NoError(t, err)
			require.NotEmpty(t, segments)
			content, err := os.ReadFile(segments[0])
			require.NoError(t, err)
			content[bytes.Index(content, []byte("message"))] ^= 1
			require.NoError(t, os.WriteFile(segments[0], content, 0o600))

			err = refused(t, roleOn(role, "b", data, "127.0.0.1:0")...)
			var corruption *wal.CorruptionError
			require.ErrorAs(t, err, &corruption)
			require.ErrorContains(t, err, filepath.Base(segments[0]))
			require.ErrorContains(t, err, "nothing was cut")
			after, err := os.ReadFile(segments[0])
			require.NoError(t, err)
			require.Equal(t, content, after, "evidence was destroyed")
		})
	}
}

func TestNumbersThatCannotBe(t *testing.T) {
	for _, c := range []struct {
		args []string
		says string
	}{
		{append(roleOn("backend", "b", t.TempDir(), "127.0.0.1:0"), "--segment-bytes=5"), "segment size 5"},
		{roleOn("backend", "b b", t.TempDir(), "127.0.0.1:0"), `"b b"`},
		{roleOn("backend", "b", t.TempDir(), "nonsense"), "listen on nonsense (--listen)"},
		{append(roleOn("metadata", "m", t.TempDir(), "127.0.0.1:0"), "--slots=100000"), "Slots"},
		{append(roleOn("metadata", "m", t.TempDir(), "127.0.0.1:0"), "--replicas=0"), "Replicas"},
		{[]string{"dev", "--data=" + t.TempDir(), "--listen=127.0.0.1:0", "--slots=0"}, "Slots"},
		{[]string{"up", "--data=" + t.TempDir(), "--listen=127.0.0.1:0", "--backends=0"}, "--backends 0"},
		{[]string{"frontend", "--id=f", "--metadata=127.0.0.1:1", "--listen=127.0.0.1:0", "--account=12"}, "12 digits"},
		{[]string{"frontend", "--id=f", "--metadata=127.0.0.1:1", "--listen=127.0.0.1:0", "--public-url=sqs"}, "public URL"},
		{[]string{"balancer", "--id=l", "--frontends=", "--primary", "--control=127.0.0.1:0"}, "frontends"},
	} {
		require.ErrorContains(t, refused(t, c.args...), c.says)
	}
}
