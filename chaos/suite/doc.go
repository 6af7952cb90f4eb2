// Package suite breaks a cluster of real processes and judges what its clients saw.
//
// [Draw] makes a [Plan] from a seed: the workload, and which fault happens when and to whom. [Run] starts the processes of
// the built binary on loopback addresses, every connection between two of them through package proxy, lets the clients of
// package sim/workload work, and carries the plan out: processes are killed, stopped, paused, lose their data folders or
// end at failpoints, and the network between them is cut, slowed, reset or forgets. Then everything is healed, and what was
// acknowledged must drain. The rules are those of the simulator: linearizability.Judge over the clients' history, and
// sim/witness over the processes' logs. The result is a sim.Result, so that package sim/report can tell it.
//
// Time is real, so a seed gives the same plan and not the same run. What a run can show is what the simulator cannot: the
// real kernel's sockets, disk and scheduler, several threads at once, and, in a binary built with -race, data races.
//
// Every kind of fault is counted when it is known to have had an effect, not when it was ordered: bytes that a cut held back,
// connections that were reset, a process that the kernel says is stopped or has died of the signal, an exit with the words of
// the failpoint. A process that ends without such a reason is a violation.
//
// Reading order: kinds.go and draw.go (what can happen), layout.go (who runs where), cluster.go (processes), tail.go (their
// logs), exits.go (which ends have a reason), faults.go (the plan carried out), folders.go (lost and old data folders),
// failpoints.go, clients.go, run.go (the phases), judge.go, summary.go.
package suite
