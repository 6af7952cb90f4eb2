// Package workload is the users of a cluster: producers and consumers that speak real HTTP to its endpoint, as an AWS
// SDK would, and record what they did as a linearizability history.
//
// [Draw] makes a [Plan] from a random source, or a test writes one by hand; [Start] turns it into threads on client
// hosts and returns a [Run]. A run has two phases. In the first everything happens that real applications do: batches,
// retries, messages that are forgotten, held longer, handed back or deleted too late. After [Run.StopProducing] the
// consumers drain the queues, and [Run.Drained] tells when everything that was ever acknowledged has come out. Administrators do
// what the SQS API has no action for: they restore deleted queues, with the product's own command on a [Console].
//
// Its parts, each a file: env.go (the machine that clients run on), plan.go and draw.go (what they are to do), http.go
// (one connection), client.go (retries, and what is known of a request's effect), body.go (bodies that show damage),
// wire.go (SQS's JSON), thread.go and messages.go (actions, each recorded), producer.go, consumer.go, keeper.go,
// mover.go and administrator.go (the behaviours), ledger.go (what the queues owe), run.go (phases and results).
//
// It is plain blocking code: no goroutines, channels or clocks of its own. In the simulator its threads are coroutines
// of which one runs at a time, so a run is determined by the seed; against a real cluster the same code runs on
// goroutines.
package workload
