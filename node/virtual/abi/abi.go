// Package abi is the boundary between a simulated host's program and the machine under it: the numbers and layouts that
// node/virtual (inside, built for wasip1) and sim/wasi (outside, the hypervisor) must agree on.
//
// Apart from WASI's clock, randomness, standard error output and poll_oneoff, a program reaches its machine through
// functions of the import module [Module], and hears from it through one descriptor, [CardFD]: the virtual card. A
// read of the card returns whole [Event] records and never blocks (EAGAIN when there are none); poll_oneoff on it is
// where a program waits. Calls never block either: what takes time answers [WouldBlock], or a pending operation whose
// end is an event.
//
// Signatures, as WebAssembly sees them (pointers and lengths are i32, unsigned; results are i64):
//
//	net_listen(address, len) -> listener | -errno             binds "ip:port"; port 0 picks one
//	net_listen_close(listener) -> 0 | -errno
//	net_dial(address, len) -> connection | -errno             EventConnected follows
//	net_address(id, which, out, len) -> length | -errno       which: AddressLocal, AddressRemote, AddressListener
//	net_send(connection, data, len) -> accepted | -errno      WouldBlock: EventWritable follows
//	net_recv(connection, data, len) -> received, 0 at the end | -errno     WouldBlock: EventReadable follows
//	net_close_write(connection) -> 0 | -errno                 the peer reads to the end
//	net_close(connection) -> 0 | -errno                       the id is free; unread data resets the peer
//	disk_call(op, handle, offset i64, name, len, data, len) -> result | -errno | pending
//	disk_result(operation, data, len) -> result | -errno      once, after EventDisk
package abi

import "encoding/binary"

// Module is the import module of the functions above.
const Module = "chasqui"

// CardFD is the descriptor of the virtual card. fd_fdstat_get shows it as a nonblocking stream socket.
const CardFD = 3

// EventBytes is the length of an event record: kind (4 bytes), id (4), argument (8), little-endian.
const EventBytes = 16

// EventKind says what happened.
type EventKind uint32

// The kinds of events.
const (
	// EventAccepted: a connection arrived. ID is the listener, Arg the new connection.
	EventAccepted EventKind = iota + 1
	// EventConnected: a dial ended. ID is the connection, Arg 0 or the errno; after an error the id is free.
	EventConnected
	// EventReadable: net_recv on connection ID will not answer WouldBlock. Sent once after each WouldBlock.
	EventReadable
	// EventWritable: net_send on connection ID will not answer WouldBlock. Sent once after each WouldBlock.
	EventWritable
	// EventDisk: disk operation ID has ended; disk_result has its result.
	EventDisk
	// EventStop: whoever runs the machine asks the program to end in order, as SIGTERM does.
	EventStop
)

// Event is one record read from the card.
type Event struct {
	Kind EventKind
	ID   uint32
	Arg  uint64
}

// Append appends e's record to b.
func (e Event) Append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(e.Kind))
	b = binary.LittleEndian.AppendUint32(b, e.ID)
	return binary.LittleEndian.AppendUint64(b, e.Arg)
}

// DecodeEvent reads the record at the beginning of b, which must have EventBytes bytes.
func DecodeEvent(b []byte) Event {
	return Event{
		Kind: EventKind(binary.LittleEndian.Uint32(b)),
		ID:   binary.LittleEndian.Uint32(b[4:]),
		Arg:  binary.LittleEndian.Uint64(b[8:]),
	}
}

// Errno is why a call failed; calls return it negated. 0 is success.
type Errno int64

// The errors of the virtual machine.
const (
	WouldBlock   Errno = iota + 1 // nothing to do now; an event follows
	BadID                         // no such listener, connection, file or operation
	Invalid                       // a bad address, name, offset or length
	AddressInUse                  // another listener has the address
	Refused                       // nobody listens there
	Reset                         // the connection is gone: reset by the peer, or timed out on the way
	BrokenPipe                    // net_send after net_close_write
	Unreachable                   // no such address
	TimedOut                      // no answer from there
	NotExist                      // no such file or folder
	Exist                         // the name is taken
	NotEmpty                      // the folder has entries
	NotFolder                     // a file where a folder is needed
	IsFolder                      // a folder where a file is needed
	DiskFull                      // no room
	Locked                        // another holder has the lock
	InputOutput                   // the device failed
)

// Which address net_address returns.
const (
	AddressLocal uint32 = iota
	AddressRemote
	AddressListener
)

// DiskOp is an operation of disk_call.
type DiskOp uint32

// The disk's operations: which arguments each reads, and its result. The file handle 0 is never given out.
const (
	DiskCreate   DiskOp = iota + 1 // name -> handle
	DiskOpen                       // name -> handle
	DiskClose                      // handle
	DiskRead                       // handle, offset, data -> bytes read, fewer than asked only at the end of the file
	DiskWrite                      // handle, offset, data -> bytes written, all of them
	DiskTruncate                   // handle, offset (the new length)
	DiskSize                       // handle -> length
	DiskSync                       // handle
	DiskRename                     // name, data (the new name)
	DiskRemove                     // name
	DiskMakeDir                    // name
	DiskList                       // name, data (room for names, each ended by a zero byte) -> bytes needed
	DiskSyncDir                    // name
	DiskFree                       // -> bytes free
	DiskLock                       // name -> handle
	DiskUnlock                     // handle
)

// pendingBase separates the ids of pending operations from errors: disk_call returns pendingBase - id.
const pendingBase = -1 << 16

// Pending returns what disk_call returns for an operation that will end later.
func Pending(id uint32) int64 { return pendingBase - int64(id) }

// PendingID tells whether a result of disk_call is a pending operation, and its id.
func PendingID(result int64) (id uint32, ok bool) {
	if result > pendingBase {
		return 0, false
	}
	return uint32(pendingBase - result), true
}
