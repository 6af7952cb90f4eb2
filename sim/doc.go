// Package sim runs whole clusters of chasqui in a simulated world and judges what they did. One seed decides everything:
// topology, workload, faults, latencies, the order of simultaneous events. The same seed and the same binary give the
// same run, byte for byte.
//
// A [Scenario] is a run written down as a value: [Draw] makes one from a seed, and one written by hand runs just as
// well. [Run] carries it out: it boots the product's own binary (built for wasip1) once per host, lets native clients
// produce and consume while faults happen, heals a core of the cluster, waits for every acknowledged message to drain,
// and returns a [Result] with the verdict, the history, the story and the hash.
//
// Reading order: scenario.go (what a run is), topology.go (hosts and their command lines), faults.go and faultkinds.go
// (what breaks), run.go (a run from beginning to end), cluster.go (who restarts what), console.go (what administrators
// type), observe.go (what the hosts' logs tell), invariants.go (what must hold all along). Below are sim/world (time,
// network, hosts), sim/disk (disks that fail), sim/wasi (the hypervisor), sim/workload (the clients), sim/bugs
// (deliberate bugs that must be found).
package sim
