package wasi

import "chasqui/node/virtual/abi"

// cardModule is the import module of abi: the network and the disk. All its functions return an i64 that is an error
// if it is negative.
func cardModule() hostModule {
	return hostModule{name: abi.Module, functions: []hostFunction{
		{"net_listen", "ii", 'I', netListen},
		{"net_listen_close", "i", 'I', func(i *Instance, stack []uint64) {
			stack[0] = failure(i.machine.CloseListener(uint32(stack[0])))
		}},
		{"net_dial", "ii", 'I', netDial},
		{"net_address", "iiii", 'I', netAddress},
		{"net_send", "iii", 'I', netSend},
		{"net_recv", "iii", 'I', netReceive},
		{"net_close_write", "i", 'I', func(i *Instance, stack []uint64) {
			stack[0] = failure(i.machine.CloseWrite(uint32(stack[0])))
		}},
		{"net_close", "i", 'I', func(i *Instance, stack []uint64) {
			stack[0] = failure(i.machine.Close(uint32(stack[0])))
		}},
		{"disk_call", "iiIiiii", 'I', diskCall},
		{"disk_result", "iii", 'I', diskResult},
	}}
}

// failure is the result of a call that gives nothing but an errno.
func failure(errno abi.Errno) uint64 { return uint64(-int64(errno)) }

// outcome is the result of a call that gives a number or an errno.
func outcome[N int | uint32](n N, errno abi.Errno) uint64 {
	if errno != 0 {
		return failure(errno)
	}
	return uint64(n)
}

// netListen is net_listen(address, len).
func netListen(i *Instance, stack []uint64) {
	address, ok := i.memory.Read(uint32(stack[0]), uint32(stack[1]))
	if !ok {
		stack[0] = failure(abi.Invalid)
		return
	}
	stack[0] = outcome(i.machine.Listen(string(address)))
}

// netDial is net_dial(address, len).
func netDial(i *Instance, stack []uint64) {
	address, ok := i.memory.Read(uint32(stack[0]), uint32(stack[1]))
	if !ok {
		stack[0] = failure(abi.Invalid)
		return
	}
	stack[0] = outcome(i.machine.Dial(string(address)))
}

// netAddress is net_address(id, which, out, len). An address longer than len is refused.
func netAddress(i *Instance, stack []uint64) {
	out, ok := i.memory.Read(uint32(stack[2]), uint32(stack[3]))
	if !ok {
		stack[0] = failure(abi.Invalid)
		return
	}
	address, errno := i.machine.Address(uint32(stack[0]), uint32(stack[1]))
	if errno == 0 && len(address) > len(out) {
		errno = abi.Invalid
	}
	copy(out, address)
	stack[0] = outcome(len(address), errno)
}

// netSend is net_send(connection, data, len).
func netSend(i *Instance, stack []uint64) {
	data, ok := i.memory.Read(uint32(stack[1]), uint32(stack[2]))
	if !ok {
		stack[0] = failure(abi.Invalid)
		return
	}
	stack[0] = outcome(i.machine.Send(uint32(stack[0]), data))
}

// netReceive is net_recv(connection, data, len).
func netReceive(i *Instance, stack []uint64) {
	data, ok := i.memory.Read(uint32(stack[1]), uint32(stack[2]))
	if !ok {
		stack[0] = failure(abi.Invalid)
		return
	}
	stack[0] = outcome(i.machine.Receive(uint32(stack[0]), data))
}

// diskCall is disk_call(op, handle, offset, name, len, data, len).
func diskCall(i *Instance, stack []uint64) {
	name, ok := i.memory.Read(uint32(stack[3]), uint32(stack[4]))
	data, dataOK := i.memory.Read(uint32(stack[5]), uint32(stack[6]))
	if !ok || !dataOK {
		stack[0] = failure(abi.Invalid)
		return
	}
	stack[0] = uint64(i.machine.Disk(abi.DiskOp(stack[0]), uint32(stack[1]), int64(stack[2]), string(name), data))
}

// diskResult is disk_result(operation, data, len).
func diskResult(i *Instance, stack []uint64) {
	data, ok := i.memory.Read(uint32(stack[1]), uint32(stack[2]))
	if !ok {
		stack[0] = failure(abi.Invalid)
		return
	}
	stack[0] = uint64(i.machine.DiskResult(uint32(stack[0]), data))
}
