// Package disk is the disk of a simulated host: it keeps what a program writes, forgets what a crash makes it forget,
// takes its time, and breaks in the ways disks break.
//
// A [Disk] carries out the operations of the virtual machine (disk_call of node/virtual/abi). Its bytes and names are
// in a memdisk.Disk, which knows what is durable. Reads, writes and changes of names end at once, as in the page cache
// of an operating system; syncs take a time drawn from the disk's random stream, and only when they end is anything
// durable. The world (package sim/world), which has the clock, calls Finish of the pending operation then.
//
// Faults are switched on and off by the scenario. Each counts how often it really had an effect ([Disk.Probes]): a
// fault that nobody met has tested nothing. Those that damage what was durable say where ([Disk.Damages]), so that a
// scenario can keep to its budget: which damage is survivable is not the disk's to judge.
//
// disk.go has the operations, pending.go those that take time and how long, faults.go the faults of operations,
// damage.go those of durable bytes, crash.go crashes and copies, probes.go the counters, and verify.go the check that a
// host's journal can be read to its end.
package disk
