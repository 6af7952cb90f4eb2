// Package wasi is the hypervisor of the simulator: it runs programs built for GOOS=wasip1 under wazero and answers
// every call through which they can learn anything of the world from a [Machine], the virtual machine that package
// sim/world provides.
//
// An [Engine] compiles binaries into [Program]s; Program.Start makes an [Instance], which is one process on one
// simulated host. An instance is a coroutine: it runs only within Resume, on its caller's goroutine as far as anybody
// can tell, and comes back when the program has nothing left to do but wait. That moment is WASI's poll_oneoff, where Go's
// scheduler goes when no goroutine can run: see poll.go. Everything else is answered at once: WASI's clock, randomness
// and output in system.go, the card and the disk of chasqui/node/virtual/abi in card.go.
//
// It promises that a program's run depends on nothing but its binary, its arguments, its environment and the
// answers of its Machine. wazero's own implementation of WASI, with the real machine behind it, is not linked in.
// It also promises that an instance can end at any call: Kill ends one that waits, a panic with world.Killed in a
// method of the Machine one that runs; either way its linear memory goes back to the system at once.
//
// What it cannot do is take the processor away from a program that never waits: whoever calls Resume watches that from
// outside.
package wasi
