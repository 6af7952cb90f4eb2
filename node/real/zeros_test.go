package real

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWriteZeros makes a file longer as on file systems that cannot allocate: in several writes, the last a short one.
func TestWriteZeros(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "a"))
	require.NoError(t, err)
	defer f.Close()
	_, err = f.WriteString("kept")
	require.NoError(t, err)
	const size = 2*zerosBytes + 7
	require.NoError(t, writeZeros(f, 4, size))
	got, err := os.ReadFile(f.Name())
	require.NoError(t, err)
	require.Equal(t, append([]byte("kept"), make([]byte, size-4)...), got)
}
