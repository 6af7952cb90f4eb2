// Package virtual is a machine of the simulator as a program on it sees it, behind [chasqui/node.Host]: what package
// node/real is on a real computer. It is built for wasip1 only; the hypervisor that runs such programs is sim/wasi.
//
// Its main entry is New. Time and randomness come through the standard library, whose system calls the hypervisor
// answers. The network and the disk are calls of the import module in package abi, which never block; what a call has to
// wait for is announced on the virtual card, which one goroutine reads (card.go). A goroutine that reads a connection
// asks the machine directly, and waits for the card's goroutine only when there is nothing to read.
//
// A program for wasip1 has one thread, and Go switches goroutines only where one waits or allocates memory, in an order
// that is always the same. So that one seed differs from another also in this, every call to the network and the disk
// first gives way to other goroutines a random number of times (card.interleave).
package virtual
