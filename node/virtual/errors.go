//go:build wasip1

package virtual

import (
	"fmt"
	"io/fs"
	"syscall"

	"chasqui/node"
	"chasqui/node/virtual/abi"
)

// errnoErrors are the errors that a real machine has for what went wrong on this one.
var errnoErrors = map[abi.Errno]error{
	abi.BadID:        syscall.EBADF,
	abi.Invalid:      fs.ErrInvalid,
	abi.AddressInUse: node.ErrAddressInUse,
	abi.Refused:      syscall.ECONNREFUSED,
	abi.Reset:        syscall.ECONNRESET,
	abi.BrokenPipe:   syscall.EPIPE,
	abi.Unreachable:  syscall.EHOSTUNREACH,
	abi.TimedOut:     syscall.ETIMEDOUT,
	abi.NotExist:     fs.ErrNotExist,
	abi.Exist:        fs.ErrExist,
	abi.NotEmpty:     syscall.ENOTEMPTY,
	abi.NotFolder:    syscall.ENOTDIR,
	abi.IsFolder:     syscall.EISDIR,
	abi.DiskFull:     node.ErrDiskFull,
	abi.Locked:       node.ErrLocked,
	abi.InputOutput:  syscall.EIO,
}

// errorOf returns the error for the negative result of a call.
func errorOf(result int64) error {
	if err := errnoErrors[abi.Errno(-result)]; err != nil {
		return err
	}
	return fmt.Errorf("the virtual machine answers %d, which means nothing here", result)
}
