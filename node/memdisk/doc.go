// Package memdisk is a disk in memory that remembers what is durable and what is not. Code that promises durability is
// tested on it by crashing at every step, and the disks of simulated hosts (package sim/disk) are made of it.
//
// A [Disk] is a node.Disk. It keeps every write since the last good Sync of its file and every change of a name since
// the last good SyncDir of its folder, so that Crash can say what a power cut would leave; and it can be told to fail,
// hang and fill up. Put one into the host of a test with
//
//	host := nodetest.RealHost(t)
//	disk := memdisk.New()
//	host.Disk = disk
//
// The bytes of files are kept in pages that never change, so copies are cheap: a crash of a large disk, or a copy for
// a checker, costs a few pointers per file.
//
// disk.go has the disk and its faults, names.go folders and what of them is durable, file.go open files, changes.go
// what of a file is durable, content.go the pages, flush.go syncs that take time, crash.go crashes, contents.go what an
// observer sees.
package memdisk
