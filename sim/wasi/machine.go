package wasi

import "chasqui/node/virtual/abi"

// Machine is the virtual machine under an instance, as the world provides it. All methods are called from within
// Resume of the instance, on its goroutine. Any of them may kill the instance at that very call by panicking with
// [world.Killed]; nothing of the program runs after that.
type Machine interface {
	// Wall and Monotonic return the host's clocks in nanoseconds, wall since 1970. Each call advances them a little.
	Wall() int64
	Monotonic() int64
	// Random fills p.
	Random(p []byte)
	// Output takes what the program writes to its standard output (1) and standard error output (2). It may not keep p.
	Output(fd int32, p []byte)
	// Events moves the records that wait on the card into p (a multiple of abi.EventBytes) and returns their number.
	Events(p []abi.Event) int
	// EventsWait tells whether Events would return any.
	EventsWait() bool

	Listen(address string) (id uint32, errno abi.Errno)
	CloseListener(id uint32) abi.Errno
	Dial(address string) (id uint32, errno abi.Errno)
	Address(id, which uint32) (string, abi.Errno)
	Send(id uint32, p []byte) (int, abi.Errno) // may not keep p
	Receive(id uint32, p []byte) (int, abi.Errno)
	CloseWrite(id uint32) abi.Errno
	Close(id uint32) abi.Errno

	// Disk carries out an operation as disk_call does: it returns a result, a negated errno or abi.Pending. It may not
	// keep data, and fills it when a DiskRead or DiskList ends at once.
	Disk(op abi.DiskOp, handle uint32, offset int64, name string, data []byte) int64
	// DiskResult returns the result of a pending operation that has ended, and fills data for a DiskRead or DiskList.
	DiskResult(operation uint32, data []byte) int64
}
