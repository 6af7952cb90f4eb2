// Package metadata is the service that knows which queues exist and where they live. Three or five metadata hosts
// keep a catalog (package metadata/catalog, a pure state machine) identical with raft; any of them may die.
//
// The parts, in the order a request meets them:
//
//   - [Cache] is what a frontend asks on every request: queue records and the map from slots to backend leaders, both
//     from memory. It keeps serving what it has when the metadata service is down, because backends check the version
//     of the settings that come with each command.
//   - [Client] asks the service. Changes and reads go to its leader and are linearizable: of two racing creations of a
//     queue with different attributes one fails. A change carries a request id and takes effect once, however often
//     the client has to send it.
//   - [Server] is one metadata host. It is the in-cluster manager of the backend too: it hears heartbeats, registers
//     backend hosts, assigns slots to them once, and tells everybody who leads which slot.
//   - [Registrar] is the backend host's side of the heartbeat.
//
// What is promised: a change that was acknowledged is on the disks of most metadata hosts; a read begun after that
// sees it. The slot leaders in a [Topology] are hints from the latest heartbeats and may be outdated: a backend host
// that does not lead says so itself.
package metadata
