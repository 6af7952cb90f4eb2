// Package rpc is how the processes of a cluster talk: length-prefixed frames over one stream connection per pair of
// processes, many requests in flight at once, answers in any order, a deadline in every request.
//
// A [Server] answers calls: Handle gives each call a task, HandleInline runs on the connection's reader for handlers
// that never block. A [Client] makes them: Call waits for the answer, Go takes a function to be told. Bodies are
// msgpack, written with [Writer] and read with [Reader] where it must be fast, or with [Encode] and [Decode] for
// types that have msgpack methods. frame.go draws the bytes.
//
// What it promises:
//
//   - Three outcomes are kept apart. An answer (a body, or a [RemoteError] from the handler); [ErrNotSent], when no
//     handler can have seen the request; [ErrUnknown], when one may have. ErrUnknown is never a "no".
//   - A request's deadline travels as remaining time, so that clocks need not agree. The server drops a call that
//     expired while it waited for its turn, and a caller is told at the deadline whatever the network does.
//   - Nothing a peer sends makes this side allocate more than its limits or panic: bad bytes end the connection.
//   - A dead peer is noticed without the help of TCP: both ends send something at least once per ping interval, and
//     three silent intervals end the connection (link.go).
//   - Memory is bounded per connection by [Config], also against a peer that does not read.
//
// Reading order: frame.go (the bytes), link.go and batch.go (what both ends of a connection share), client.go
// and clientconn.go (calling), server.go, serverconn.go and call.go (answering), writer.go and reader.go (bodies).
package rpc
