package real

import (
	"io/fs"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"chasqui/node"
)

func TestTranslate(t *testing.T) {
	tests := []struct {
		name  string
		given error
		full  bool
	}{
		{"no space", &fs.PathError{Op: "write", Path: "a", Err: syscall.ENOSPC}, true},
		{"over the quota", &fs.PathError{Op: "write", Path: "a", Err: syscall.EDQUOT}, true},
		{"no such file", &fs.PathError{Op: "open", Path: "a", Err: syscall.ENOENT}, false},
		{"a bad disk", os.NewSyscallError("fdatasync", syscall.EIO), false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := translate(test.given)
			require.ErrorIs(t, got, test.given, "the system's own error stays visible")
			if test.full {
				require.ErrorIs(t, got, node.ErrDiskFull)
			} else {
				require.NotErrorIs(t, got, node.ErrDiskFull)
			}
		})
	}
	require.NoError(t, translate(nil))
}
