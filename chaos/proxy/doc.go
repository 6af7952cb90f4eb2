// Package proxy is a network that can be broken: TCP proxies between real processes, which hold bytes back, delay them,
// reset connections or forget them, separately for each direction between each two hosts.
//
// A [Network] listens on the address under which a host is known to the others, and passes connections on to where the
// host really listens. Whom a connection comes from is told by its source address: every host dials from an IP address of
// its own (chasqui --local-address), so one listener per host serves all directed pairs. Package suite lays them out on
// 127.0.0.0/8.
//
// What a TCP connection does when the network between two machines breaks, a proxy can do but for one thing: a connection is
// accepted before the proxy knows whether the other side can be reached. One that is begun while the link is cut is silent,
// and reset when the cut ends; to its side that looks like a machine that takes connections and says nothing.
//
// network.go has the listeners and the acts on many connections, link.go one direction between two hosts, connection.go
// what becomes of the bytes.
package proxy
