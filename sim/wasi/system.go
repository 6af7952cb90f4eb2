package wasi

import (
	"encoding/binary"

	"chasqui/node/virtual/abi"
)

// WASI's error numbers, as far as they are given out.
const (
	errnoSuccess       = 0
	errnoAgain         = 6
	errnoBadDescriptor = 8
	errnoFault         = 21
	errnoInvalid       = 28
	errnoNoSystemCall  = 52
)

// WASI's clocks.
const (
	clockWall      = 0
	clockMonotonic = 1
)

// Descriptors that every program has. The card, abi.CardFD, is the only other.
const (
	standardInput  = 0 // always at its end
	standardOutput = 1
	standardError  = 2
)

// iovecBytes is the size of an entry of an I/O vector: address (4), length (4).
const iovecBytes = 8

// systemModule is wasi_snapshot_preview1 as a virtual machine without files has it.
func systemModule() hostModule {
	functions := []hostFunction{
		{"args_get", "ii", 'i', func(i *Instance, stack []uint64) { stack[0] = i.strings(i.args, stack) }},
		{"args_sizes_get", "ii", 'i', func(i *Instance, stack []uint64) { stack[0] = i.stringSizes(i.args, stack) }},
		{"environ_get", "ii", 'i', func(i *Instance, stack []uint64) { stack[0] = i.strings(i.env, stack) }},
		{"environ_sizes_get", "ii", 'i', func(i *Instance, stack []uint64) { stack[0] = i.stringSizes(i.env, stack) }},
		{"clock_time_get", "iIi", 'i', clockTimeGet},
		{"random_get", "ii", 'i', randomGet},
		{"poll_oneoff", "iiii", 'i', pollOneoff},
		{"sched_yield", "", 'i', func(_ *Instance, stack []uint64) { stack[0] = errnoSuccess }},
		{"proc_exit", "i", 0, func(i *Instance, stack []uint64) { i.exit(uint32(stack[0])) }},
		{"fd_close", "i", 'i', fdClose},
		{"fd_fdstat_get", "ii", 'i', fdStatGet},
		{"fd_read", "iiii", 'i', fdRead},
		{"fd_write", "iiii", 'i', fdWrite},
	}
	for _, f := range absent {
		functions = append(functions, hostFunction{f.name, f.params, 'i', func(_ *Instance, stack []uint64) { stack[0] = f.errno }})
	}
	return hostModule{name: "wasi_snapshot_preview1", functions: functions}
}

// absent are the functions that always fail: this machine's files and connections have an import module of their own.
// fd_prestat_get has to say that there is no such descriptor: that is how a program finds the end of its folders.
var absent = []struct {
	name, params string
	errno        uint64
}{
	{"clock_res_get", "ii", errnoNoSystemCall},
	{"fd_advise", "iIIi", errnoBadDescriptor},
	{"fd_allocate", "iII", errnoBadDescriptor},
	{"fd_datasync", "i", errnoBadDescriptor},
	{"fd_fdstat_set_flags", "ii", errnoNoSystemCall},
	{"fd_fdstat_set_rights", "iII", errnoNoSystemCall},
	{"fd_filestat_get", "ii", errnoBadDescriptor},
	{"fd_filestat_set_size", "iI", errnoBadDescriptor},
	{"fd_filestat_set_times", "iIIi", errnoBadDescriptor},
	{"fd_pread", "iiiIi", errnoBadDescriptor},
	{"fd_prestat_get", "ii", errnoBadDescriptor},
	{"fd_prestat_dir_name", "iii", errnoBadDescriptor},
	{"fd_pwrite", "iiiIi", errnoBadDescriptor},
	{"fd_readdir", "iiiIi", errnoBadDescriptor},
	{"fd_renumber", "ii", errnoBadDescriptor},
	{"fd_seek", "iIii", errnoBadDescriptor},
	{"fd_sync", "i", errnoBadDescriptor},
	{"fd_tell", "ii", errnoBadDescriptor},
	{"path_create_directory", "iii", errnoNoSystemCall},
	{"path_filestat_get", "iiiii", errnoNoSystemCall},
	{"path_filestat_set_times", "iiiiIIi", errnoNoSystemCall},
	{"path_link", "iiiiiii", errnoNoSystemCall},
	{"path_open", "iiiiiIIii", errnoNoSystemCall},
	{"path_readlink", "iiiiii", errnoNoSystemCall},
	{"path_remove_directory", "iii", errnoNoSystemCall},
	{"path_rename", "iiiiii", errnoNoSystemCall},
	{"path_symlink", "iiiii", errnoNoSystemCall},
	{"path_unlink_file", "iii", errnoNoSystemCall},
	{"proc_raise", "i", errnoNoSystemCall},
	{"sock_accept", "iii", errnoNoSystemCall},
	{"sock_recv", "iiiiii", errnoNoSystemCall},
	{"sock_send", "iiiii", errnoNoSystemCall},
	{"sock_shutdown", "ii", errnoNoSystemCall},
}

// stringSizes is args_sizes_get and environ_sizes_get(count, bytes).
func (i *Instance) stringSizes(list [][]byte, stack []uint64) uint64 {
	size := 0
	for _, s := range list {
		size += len(s)
	}
	if !i.memory.WriteUint32Le(uint32(stack[0]), uint32(len(list))) || !i.memory.WriteUint32Le(uint32(stack[1]), uint32(size)) {
		return errnoFault
	}
	return errnoSuccess
}

// strings is args_get and environ_get(addresses, bytes).
func (i *Instance) strings(list [][]byte, stack []uint64) uint64 {
	addresses, at := uint32(stack[0]), uint32(stack[1])
	for n, s := range list {
		if !i.memory.WriteUint32Le(addresses+4*uint32(n), at) || !i.memory.Write(at, s) {
			return errnoFault
		}
		at += uint32(len(s))
	}
	return errnoSuccess
}

// clockTimeGet is clock_time_get(clock, precision, time).
func clockTimeGet(i *Instance, stack []uint64) {
	var now int64
	switch uint32(stack[0]) {
	case clockWall:
		now = i.machine.Wall()
	case clockMonotonic:
		now = i.machine.Monotonic()
	default:
		stack[0] = errnoInvalid
		return
	}
	if !i.memory.WriteUint64Le(uint32(stack[2]), uint64(now)) {
		stack[0] = errnoFault
		return
	}
	stack[0] = errnoSuccess
}

// randomGet is random_get(bytes, length).
func randomGet(i *Instance, stack []uint64) {
	p, ok := i.memory.Read(uint32(stack[0]), uint32(stack[1]))
	if !ok {
		stack[0] = errnoFault
		return
	}
	i.machine.Random(p)
	stack[0] = errnoSuccess
}

// fdClose is fd_close(descriptor). The descriptors are part of the machine and stay.
func fdClose(_ *Instance, stack []uint64) {
	if uint32(stack[0]) > abi.CardFD {
		stack[0] = errnoBadDescriptor
		return
	}
	stack[0] = errnoSuccess
}

// fdStatGet is fd_fdstat_get(descriptor, status). The status is kind (1 byte), 2 flags (2), 8 rights (8), 16 inherited
// rights (8). The card has to show as nonblocking before Go waits for it in poll_oneoff.
func fdStatGet(i *Instance, stack []uint64) {
	const (
		characterDevice = 2
		streamSocket    = 6
		nonblocking     = 4
		statusBytes     = 24
	)
	status, ok := i.memory.Read(uint32(stack[1]), statusBytes)
	if !ok {
		stack[0] = errnoFault
		return
	}
	clear(status)
	switch descriptor := uint32(stack[0]); {
	case descriptor == abi.CardFD:
		status[0], status[2] = streamSocket, nonblocking
	case descriptor <= standardError:
		status[0] = characterDevice
	default:
		stack[0] = errnoBadDescriptor
		return
	}
	binary.LittleEndian.PutUint64(status[8:], ^uint64(0))
	stack[0] = errnoSuccess
}

// fdRead is fd_read(descriptor, vector, entries, length): events from the card, the end of the standard input.
func fdRead(i *Instance, stack []uint64) {
	n, errno := uint32(0), uint64(errnoSuccess)
	switch uint32(stack[0]) {
	case standardInput:
	case abi.CardFD:
		n, errno = i.readCard(uint32(stack[1]), uint32(stack[2]))
	default:
		errno = errnoBadDescriptor
	}
	if errno == errnoSuccess && !i.memory.WriteUint32Le(uint32(stack[3]), n) {
		errno = errnoFault
	}
	stack[0] = errno
}

// readCard fills the first entry of a vector with event records.
func (i *Instance) readCard(vector, entries uint32) (n uint32, errno uint64) {
	if entries == 0 {
		return 0, errnoInvalid
	}
	p, ok := i.vectorEntry(vector)
	if !ok {
		return 0, errnoFault
	}
	room := min(len(p)/abi.EventBytes, len(i.events))
	if room == 0 {
		return 0, errnoInvalid
	}
	events := i.events[:i.machine.Events(i.events[:room])]
	if len(events) == 0 {
		return 0, errnoAgain
	}
	p = p[:0]
	for _, e := range events {
		p = e.Append(p)
	}
	return uint32(len(p)), errnoSuccess
}

// fdWrite is fd_write(descriptor, vector, entries, length): the standard output and standard error output.
func fdWrite(i *Instance, stack []uint64) {
	descriptor, vector, entries := uint32(stack[0]), uint32(stack[1]), uint32(stack[2])
	if descriptor != standardOutput && descriptor != standardError {
		stack[0] = errnoBadDescriptor
		return
	}
	n := uint32(0)
	for range entries {
		p, ok := i.vectorEntry(vector)
		if !ok {
			stack[0] = errnoFault
			return
		}
		if descriptor == standardError {
			i.dying.write(p)
		}
		i.machine.Output(int32(descriptor), p)
		n += uint32(len(p))
		vector += iovecBytes
	}
	if !i.memory.WriteUint32Le(uint32(stack[3]), n) {
		stack[0] = errnoFault
		return
	}
	stack[0] = errnoSuccess
}

// vectorEntry returns the memory that the entry of an I/O vector at the given address names.
func (i *Instance) vectorEntry(address uint32) ([]byte, bool) {
	entry, ok := i.memory.Read(address, iovecBytes)
	if !ok {
		return nil, false
	}
	return i.memory.Read(binary.LittleEndian.Uint32(entry), binary.LittleEndian.Uint32(entry[4:]))
}
