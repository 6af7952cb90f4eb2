package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const product = "../../.."

func TestPrepare(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "engine")
	require.NoError(t, prepare(product, folder, "linux", "amd64"))
	require.NoError(t, prepare(product, folder, "linux", "arm64"), "again")
	plain, err := os.ReadFile(filepath.Join(folder, "wazero", changedFile))
	require.NoError(t, err)
	changed, err := os.ReadFile(filepath.Join(folder, "wazero", changedCopy))
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(plain), "//go:build !unchecked\n"))
	require.True(t, strings.HasPrefix(string(changed), "//go:build unchecked\n"))
	require.Contains(t, string(plain), checkBegins)
	require.NotContains(t, string(changed), checkBegins)
	require.Less(t, strings.Count(string(changed), "ExitCodeMemoryOutOfBounds"), strings.Count(string(plain), "ExitCodeMemoryOutOfBounds"))
	module, err := os.ReadFile(filepath.Join(folder, "go.mod"))
	require.NoError(t, err)
	require.Contains(t, string(module), "replace "+engineModule+" => "+folder)
	require.FileExists(t, filepath.Join(folder, "go.sum"))
	require.FileExists(t, filepath.Join(folder, "wazero", "LICENSE"))
}

func TestWhereItCannotBe(t *testing.T) {
	require.ErrorContains(t, prepare(product, t.TempDir(), "windows", "amd64"), "plain build")
	require.ErrorContains(t, prepare(product, t.TempDir(), "linux", "386"), "plain build")
	require.Error(t, prepare(t.TempDir(), t.TempDir(), "linux", "amd64"), "no module there")
}

func TestOtherVersions(t *testing.T) {
	check := checkBegins + addressAgain + "x.AsExitIfTrueWithCode(ExitCodeMemoryOutOfBounds)\n" + checkEnds
	got, err := withoutCheck("a\n" + check + "b\n")
	require.NoError(t, err)
	require.Equal(t, "a\n"+addressAgain+checkEnds+"b\n", got)
	for _, source := range []string{
		"", "a\n" + addressAgain + checkEnds, check + check, checkBegins + addressAgain + checkEnds,
		checkBegins + "ExitCodeMemoryOutOfBounds\n" + checkEnds, checkBegins + addressAgain + strings.Repeat("ExitCodeMemoryOutOfBounds\n", 30) + checkEnds,
	} {
		_, err := withoutCheck(source)
		require.ErrorIs(t, err, errDoesNotFit, "%q", source)
	}
	require.ErrorIs(t, leaveOutCheck(t.TempDir()), errDoesNotFit)
}
