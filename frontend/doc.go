// Package frontend serves the SQS API over HTTP. It keeps no message and no queue: whatever a request needs it asks
// the metadata service (which queue is this, where does it live) and the backends (store, hand out, delete). So any
// number of frontends may run, any of them answers any request, and one that dies takes nothing with it.
//
// [Server] is the main type. A request's way through it:
//
//	server.go     listens, keeps the limits of connections and time
//	edge.go       one HTTP request: protocol, admission (limits.go), body, panics, answer
//	caller.go     who asks, and which queue a URL names
//	action.go     which method answers which action
//	queues.go     CreateQueue and its kin        attributes.go, policy.go   their attributes       tags.go   their tags
//	send.go       SendMessage(Batch)             validate.go     the rules of messages and batches
//	receive.go    ReceiveMessage                 receipt.go      receipt handles
//	delete.go     DeleteMessage(Batch), ChangeMessageVisibility(Batch)
//	permission.go AddPermission, RemovePermission       movetask.go   StartMessageMoveTask and its kin
//	placement.go  queue -> partitions -> one command to one partition, with the repeats that stale caches cause
//	errors.go     every error as its SQS code and HTTP status
//
// What it promises: an answer of 200 to a send means that the message is stored by the rule of its queue. When the
// outcome is unknown, or the work could not be done in time, the answer is 503, which clients repeat; never 400 or 200.
package frontend
