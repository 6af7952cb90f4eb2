package wasi

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime/debug"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/sys"

	"chasqui/node/virtual/abi"
	"chasqui/sim/world"
)

const (
	// entryPoint is the function that runs a program from its start to its end.
	entryPoint = "_start"
	// defaultMemoryPages is an instance's memory limit unless Options sets one: 256 MiB. A Go program begins at 16 MiB.
	defaultMemoryPages = 4096
	// maximumMemoryPages is what 32 bits can address: 4 GiB.
	maximumMemoryPages = 65536
	// pageBytes is the size of a page of linear memory.
	pageBytes = 65536
	// eventsPerRead bounds the records that one read of the card returns.
	eventsPerRead = 256
)

// Exit codes of programs that did not choose one.
const (
	// ExitKilled is the exit code of an instance that was killed.
	ExitKilled = 137
	// ExitTrap is the exit code of a program that did what WebAssembly forbids, such as a call stack without end.
	ExitTrap = 134
)

// Options says how to start a program. The zero value is usable.
type Options struct {
	// Args are the program's arguments, its name first; Env its environment, as "NAME=value".
	Args, Env []string
	// MemoryLimitPages bounds the instance's memory, in pages of 64 KiB; 0 is 4096 (256 MiB). A Go program that hits the
	// limit ends with exit code 2 and "out of memory".
	MemoryLimitPages uint32
}

// Instance is a program on a simulated host. It is not safe for concurrent use: one goroutine at a time may call its
// methods.
type Instance struct {
	machine   Machine
	args, env [][]byte
	module    api.Module
	memory    api.Memory
	next      func() (world.Wait, bool)
	stop      func()
	// yield ends the Resume that runs and begins with the next; it returns false when the instance is to end instead.
	yield func(world.Wait) bool
	// events is where the machine puts what a read of the card encodes.
	events [eventsPerRead]abi.Event
	dying  lastWords
	// ended is true once nothing of the program is left; exited, if it ended by proc_exit. code and detail say how.
	ended, exited bool
	code          uint32
	detail        string
	// broken is what the machine panicked with, other than world.Killed: a defect of the simulator, which Resume
	// passes on to its caller.
	broken any
}

var _ world.Guest = (*Instance)(nil)

// instanceContext lets a host function find the instance that calls it.
type instanceContext struct {
	context.Context
	instance *Instance
}

// unwind is what a host function panics with to end the instance; wazero unwinds the program and returns it from the
// call of the entry point. The instance keeps the reason.
var unwind = sys.NewExitError(ExitKilled)

// Start makes an instance whose first Resume begins with the program's first instruction. It fails if there is no memory
// for it, or if the program imports what this package does not offer.
func (p *Program) Start(machine Machine, opts Options) (*Instance, error) {
	i := &Instance{machine: machine, args: cStrings(opts.Args), env: cStrings(opts.Env)}
	pages := min(opts.MemoryLimitPages, maximumMemoryPages)
	if pages == 0 {
		pages = defaultMemoryPages
	}
	allocator := &memoryAllocator{limitBytes: uint64(pages) * pageBytes}
	ctx := &instanceContext{experimental.WithMemoryAllocator(context.Background(), allocator), i}
	var err error
	if i.module, err = p.instantiate(ctx, allocator); err != nil {
		return nil, fmt.Errorf("start program: %w", err)
	}
	i.memory = i.module.Memory()
	i.next, i.stop = iter.Pull(func(yield func(world.Wait) bool) {
		i.yield = yield
		_, err := i.module.ExportedFunction(entryPoint).Call(ctx)
		i.end(err)
	})
	return i, nil
}

// instantiate lays out the program in memory from allocator, without running any of it. wazero panics when there is less
// memory than the program begins with.
func (p *Program) instantiate(ctx context.Context, allocator *memoryAllocator) (module api.Module, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("no memory within the limit of %d bytes: %v", allocator.limitBytes, r)
		}
		if err != nil {
			err = errors.Join(err, allocator.err)
			allocator.memory.Free()
		}
	}()
	config := wazero.NewModuleConfig().WithName("").WithStartFunctions()
	return p.engine.runtime.InstantiateModule(ctx, p.compiled, config)
}

// cStrings returns copies of s, each ended by a zero byte.
func cStrings(s []string) [][]byte {
	c := make([][]byte, len(s))
	for n := range s {
		c[n] = append([]byte(s[n]), 0)
	}
	return c
}

// Resume runs the program until it waits; running is false once it has ended. It panics with what a method of the
// Machine panicked with, unless that was world.Killed.
func (i *Instance) Resume() (wait world.Wait, running bool) {
	wait, running = i.next()
	if i.broken != nil {
		panic(i.broken)
	}
	return wait, running
}

// Exit returns how the program ended: its exit code and, unless that is 0, its last words on the standard error output,
// such as the message and the stack of a panic. It returns ExitKilled for an instance that was killed, and zeros for
// one that has not ended.
func (i *Instance) Exit() (code uint32, detail string) { return i.code, i.detail }

// Kill ends the instance, which must not be within Resume, and frees its memory. Killing one that has ended is
// harmless.
func (i *Instance) Kill() {
	i.stop()
	i.end(unwind) // had it never run, nobody else would
}

// end notes how the program ended, and frees its memory. err is what the call of the entry point returned.
func (i *Instance) end(err error) {
	if i.ended {
		return
	}
	i.ended = true
	if closing := i.module.Close(context.Background()); closing != nil {
		err = errors.Join(err, closing)
	}
	i.module, i.memory = nil, nil
	switch {
	case err == nil: // main returned without proc_exit
	case i.exited: // with code and detail
	case errors.Is(err, unwind):
		i.code, i.detail = ExitKilled, "killed"
	default:
		i.code, i.detail = ExitTrap, err.Error()
	}
}

// exit ends the instance from within a call of its program.
func (i *Instance) exit(code uint32) {
	i.exited, i.code = true, code
	if code != 0 {
		i.detail = i.dying.String()
	}
	i.dying = lastWords{}
	panic(unwind)
}

// catch is deferred around every call of the program into the machine.
func (i *Instance) catch() {
	switch reason := recover(); reason {
	case nil:
		return
	case unwind, any(world.Killed{}):
	default:
		i.broken = fmt.Sprintf("%v\n\nin the machine under a program:\n%s", reason, debug.Stack())
	}
	panic(unwind)
}

// wait ends the current Resume; it returns with the next one, or never.
func (i *Instance) wait(w world.Wait) {
	if !i.yield(w) {
		panic(unwind)
	}
}
