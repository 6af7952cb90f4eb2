// Package balancer is the front door of chasqui: a TCP proxy that holds the virtual IP clients connect to and passes
// each connection on to a healthy frontend.
//
// Balancers come in pairs. Whichever of the two listens on the virtual IP (VIP) is its holder; the other one stands by
// and asks the holder every 200 ms whether it is still there. When three answers in a row are missing the standby
// tries to listen itself. The operating system lets only one process listen on an address, so on one machine two
// holders are impossible; across machines the pair may hold the VIP twice for a moment, and then the one that ranks
// lower lets go. A balancer that hears neither its peer nor any frontend takes itself for the one that is cut off, and leaves
// the VIP alone or lets it go. A holder that died and came back stands by: there is no failing back, for each move of the VIP costs
// clients their connections.
//
// The proxy works on connections, not on HTTP requests: TLS ends behind it, on the frontend's host. A frontend is
// healthy while GET /healthz answers 200; the check runs every 200 ms. A connection goes to the healthy frontend with
// the fewest connections. Until a frontend has been reached no byte of the client is read, so a frontend that cannot
// be reached costs the client nothing but time. When a frontend turns unhealthy its connections are closed, and the
// client's SDK sends the request again on another one.
//
// The main type is [Balancer]. Where to look next: decide.go says who holds the VIP, vip.go carries it out, pool.go
// knows the frontends, health.go checks them, proxy.go moves the bytes.
package balancer
