// Package nodetest holds every implementation of [chasqui/node.Host] to one behaviour, and lends tests a machine to
// run on.
//
// [TestHost] and [TestDisk] are the conformance suites: package node/real, the simulator's virtual host and the disk in
// memory all pass them. When two implementations are found to differ, a case is missing here; it is added first.
//
// [RealHost] is the machine the test runs on, with a temporary data folder. A disk that can lose power, fail, hang and
// fill up on request is in package node/memdisk.
package nodetest
