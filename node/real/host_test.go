package real_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"chasqui/node"
	"chasqui/node/nodetest"
	"chasqui/node/real"
)

func TestConformance(t *testing.T) {
	nodetest.TestHost(t, func(t *testing.T) node.Host { return nodetest.RealHost(t) })
}

func TestNewMakesTheDataFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	host, err := real.New(real.Options{Name: "backend-1", DataDir: dir})
	require.NoError(t, err)
	file, err := host.Disk.Create("here")
	require.NoError(t, err)
	require.NoError(t, file.Close())
	require.FileExists(t, filepath.Join(dir, "here"))
	require.Equal(t, "backend-1", host.Name)
}

func TestNewRefuses(t *testing.T) {
	_, err := real.New(real.Options{})
	require.ErrorContains(t, err, "needs a name")
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = real.New(real.Options{Name: "a", DataDir: file})
	require.ErrorContains(t, err, "data folder")
}

func TestNoDataFolderMeansNoDisk(t *testing.T) {
	host, err := real.New(real.Options{Name: "frontend-1"})
	require.NoError(t, err)
	require.Nil(t, host.Disk)
}

func TestSymbolicLinksDoNotLeadOut(t *testing.T) {
	outside, inside := t.TempDir(), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o600))
	require.NoError(t, os.Symlink(outside, filepath.Join(inside, "link")))
	host := nodetest.RealHostIn(t, "host", inside)
	_, err := host.Disk.Open("link/secret")
	require.Error(t, err)
	_, err = host.Disk.Create("link/new")
	require.Error(t, err)
	require.NoFileExists(t, filepath.Join(outside, "new"))
}

func TestLogCarriesTheHostAndRespectsTheLevel(t *testing.T) {
	var output bytes.Buffer
	host, err := real.New(real.Options{Name: "backend-1", LogOutput: &output})
	require.NoError(t, err)
	host.Log.Debug("too fine")
	host.With("slot", 3).Log.Info("a line")
	require.Contains(t, output.String(), `msg="a line" host=backend-1 slot=3`)
	require.NotContains(t, output.String(), "too fine")
}

func TestFailMayBeReplaced(t *testing.T) {
	var got error
	host, err := real.New(real.Options{Name: "a", Fail: func(err error) { got = err }})
	require.NoError(t, err)
	failure := errors.New("fsync went wrong")
	host.Fail(failure)
	require.Equal(t, failure, got)
}

// failVariable tells the process of TestFailEndsTheProcess that it is the one to end.
const failVariable = "CHASQUI_TEST_FAIL"

func TestFailEndsTheProcess(t *testing.T) {
	if os.Getenv(failVariable) != "" {
		host, err := real.New(real.Options{Name: "doomed"})
		require.NoError(t, err)
		host.Fail(errors.New("fsync went wrong"))
		return
	}
	process := exec.Command(os.Args[0], "-test.run=^TestFailEndsTheProcess$")
	process.Env = append(os.Environ(), failVariable+"=1")
	output, err := process.CombinedOutput()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, real.ExitFailed, exit.ExitCode())
	require.Contains(t, string(output), "fsync went wrong")
	require.Contains(t, string(output), "host=doomed")
}

// TestAlignedAndOtherReadsAndWritesAgree mixes requests that go past the page cache with ones that do not.
func TestAlignedAndOtherReadsAndWritesAgree(t *testing.T) {
	host, err := real.New(real.Options{Name: "aligned", DataDir: t.TempDir()})
	require.NoError(t, err)
	defer host.Tasks.Stop()
	f, err := host.Disk.Create("file")
	require.NoError(t, err)
	want := make([]byte, 300_000)
	random := rand.New(rand.NewPCG(1, 2))
	buffer := make([]byte, 1<<20) // at the start of a page
	for range 300 {
		n, offset := random.IntN(40_000)+1, random.IntN(200_000)
		if random.IntN(2) == 0 {
			n, offset = n/4096*4096+4096, offset/4096*4096
		}
		for i := range buffer[:n] {
			buffer[i] = byte(random.Uint32())
		}
		copy(want[offset:], buffer[:n])
		_, err := f.WriteAt(buffer[:n], int64(offset))
		require.NoError(t, err)
	}
	size, err := f.Size()
	require.NoError(t, err)
	want = want[:size]
	n, err := f.ReadAt(buffer, 0)
	require.ErrorIs(t, err, io.EOF, "an aligned read goes over the end")
	require.True(t, bytes.Equal(want, buffer[:n]))
	odd := make([]byte, size-1)
	_, err = f.ReadAt(odd, 1)
	require.NoError(t, err)
	require.True(t, bytes.Equal(want[1:], odd))
	require.NoError(t, f.Sync())
	require.NoError(t, f.Close())
}
