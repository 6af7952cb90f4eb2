package real_test

import (
	"bytes"
	"errors"
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
