// Package world is the simulated world: one virtual clock, one queue of events, and the hosts, links and disks that
// exist in it. Nothing in it is concurrent and nothing depends on the machine it runs on: a [World] made from the same
// seed and driven by the same calls goes through the same events, byte for byte. [Trace] is the proof: a chained hash
// over every event.
//
// Its parts, each a file: world.go (time and events), trace.go (the chained hash), random.go (named streams of
// randomness), clock.go (what a host's clocks show), host.go (a machine: its program, its card, its disk), calls.go
// (what a program asks of its machine), link.go (what happens to packets on the way: latency, cuts, clogs), conn.go
// (TCP as far as programs can tell), address.go (who answers at an address; floating addresses and names), native.go
// (hosts whose programs are coroutines of the simulator itself, such as clients).
//
// A host's program is a [Guest], for example an instance of sim/wasi. It runs only within Resume, one guest at a time,
// until it waits; meanwhile the world stands still but for the little time that its calls cost.
package world
