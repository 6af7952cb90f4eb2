package replication

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/hashicorp/raft"

	"chasqui/node/rpc"
)

// A snapshot travels in chunks, each one request, each answered before the next is sent:
//
//	group(4) | transfer(8) | offset(8) | flags(1): 1 first, 2 last | on the first chunk: request fields | bytes
//	request fields: protocol id addr | snapshot version(4) | term index lastTerm confIndex size (8 each) | configuration
//
// An answer to a chunk is empty; the answer to the last one is raft's: protocol id addr | term(8) | flags(1).
const (
	chunkFirst = 1
	chunkLast  = 2

	// snapshotChunkTimeout bounds the storing of one chunk; snapshotLastTimeout also covers restoring the state.
	snapshotChunkTimeout = 10 * time.Second
	snapshotLastTimeout  = 2 * time.Minute
	// snapshotIdleTimeout frees raft's main loop, which waits for the next chunk, when the sender is gone.
	snapshotIdleTimeout = 10 * time.Second
)

func (t *transport) sendSnapshot(id raft.ServerID, req *raft.InstallSnapshotRequest, resp *raft.InstallSnapshotResponse, data io.Reader) error {
	transfer := t.node.host.Random.Uint64()
	chunk := make([]byte, snapshotChunkBytes)
	var offset uint64
	for first := true; ; first = false {
		n, err := io.ReadFull(data, chunk)
		last := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !last {
			return fmt.Errorf("read own snapshot at %d: %w", offset, err)
		}
		e := encoder{b: make([]byte, 0, n+256)}
		e.u32(t.cfg.GroupID)
		e.u64(transfer)
		e.u64(offset)
		var f byte
		timeout := snapshotChunkTimeout
		if first {
			f |= chunkFirst
		}
		if last {
			f |= chunkLast
			timeout = snapshotLastTimeout
		}
		e.u8(f)
		if first {
			e.installHeader(req)
		}
		e.bytes(chunk[:n])
		answer, err := t.call(id, methodSnapshot, timeout, e.b)
		if err != nil {
			return fmt.Errorf("send snapshot chunk at %d to %s: %w", offset, id, err)
		}
		if last {
			d := decoder{b: answer}
			resp.RPCHeader, resp.Term, resp.Success = d.header(), d.u64(), d.u8()&1 != 0
			return d.end()
		}
		offset += uint64(n)
	}
}

func (e *encoder) installHeader(req *raft.InstallSnapshotRequest) {
	e.header(req.RPCHeader)
	e.u32(uint32(req.SnapshotVersion))
	e.u64(req.Term)
	e.u64(req.LastLogIndex)
	e.u64(req.LastLogTerm)
	e.u64(req.ConfigurationIndex)
	e.u64(uint64(req.Size))
	e.bytes(req.Configuration)
}

func (d *decoder) installHeader() *raft.InstallSnapshotRequest {
	req := &raft.InstallSnapshotRequest{RPCHeader: d.header(), SnapshotVersion: raft.SnapshotVersion(d.u32())}
	req.Term, req.LastLogIndex, req.LastLogTerm, req.ConfigurationIndex = d.u64(), d.u64(), d.u64(), d.u64()
	req.Size = int64(d.u64())
	req.Configuration = d.bytes()
	req.Leader = req.Addr
	return req
}

// incomingSnapshot is a transfer this host is receiving. Its chunks arrive one after another.
type incomingSnapshot struct {
	transfer uint64
	offset   uint64
	pipe     *io.PipeWriter
	activity chan struct{} // a chunk arrived
	finished chan struct{} // raft has answered; response and err are set
	response any
	err      error
}

func (n *Node) handleSnapshotChunk(call *rpc.Call) {
	answer, err := n.takeChunk(call)
	if err != nil {
		call.Fail(err)
		return
	}
	call.Reply(answer)
}

func (n *Node) takeChunk(call *rpc.Call) ([]byte, error) {
	d := &decoder{b: call.Body()}
	group, transfer, offset, f := d.u32(), d.u64(), d.u64(), d.u8()
	var req *raft.InstallSnapshotRequest
	if f&chunkFirst != 0 {
		req = d.installHeader()
	}
	data := d.bytes()
	if err := d.end(); err != nil {
		return nil, &rpc.RemoteError{Code: rpc.CodeBadRequest, Message: err.Error()}
	}
	in, err := n.incomingTransfer(group, transfer, offset, req)
	if err != nil {
		return nil, err
	}
	select {
	case in.activity <- struct{}{}:
	default: // the last sign of life has not been looked at yet
	}
	if _, err := in.pipe.Write(data); err != nil {
		return nil, fmt.Errorf("snapshot transfer was given up: %w", err)
	}
	n.mu.Lock()
	in.offset += uint64(len(data))
	n.mu.Unlock()
	if f&chunkLast == 0 {
		return nil, nil
	}
	if err := in.pipe.Close(); err != nil {
		return nil, err
	}
	select {
	case <-in.finished:
	case <-call.Context().Done():
		return nil, errDelivery
	}
	if in.err != nil {
		return nil, in.err
	}
	resp := in.response.(*raft.InstallSnapshotResponse)
	e := encoder{}
	e.header(resp.RPCHeader)
	e.u64(resp.Term)
	e.u8(flags(resp.Success, false))
	return e.b, nil
}

// incomingTransfer finds the transfer a chunk belongs to, or starts it with the first chunk. A new transfer for a
// group ends an older one: its sender is gone or has begun again.
func (n *Node) incomingTransfer(group uint32, transfer, offset uint64, req *raft.InstallSnapshotRequest) (*incomingSnapshot, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	in := n.incoming[group]
	if req == nil {
		if in == nil || in.transfer != transfer || in.offset != offset {
			return nil, &rpc.RemoteError{Code: rpc.CodeConflict, Message: "no such snapshot transfer at this offset"}
		}
		return in, nil
	}
	replica := n.replicas[group]
	if replica == nil || n.closed {
		return nil, errNoSuchGroup
	}
	running := replica.current()
	if running == nil {
		return nil, errDelivery
	}
	if in != nil {
		in.pipe.CloseWithError(errors.New("a newer transfer began"))
	}
	reader, writer := io.Pipe()
	in = &incomingSnapshot{transfer: transfer, pipe: writer, activity: make(chan struct{}, 1), finished: make(chan struct{})}
	n.incoming[group] = in
	mustRestart := replica.installBegins(req.LastLogIndex)
	n.host.Tasks.Go("install snapshot", func(ctx context.Context) {
		in.response, in.err = running.transport.deliver(ctx, raft.RPC{Command: req, Reader: reader})
		// Whatever raft did not read must not block the chunks that still arrive.
		reader.CloseWithError(errors.New("raft has answered"))
		close(in.finished)
		if resp, ok := in.response.(*raft.InstallSnapshotResponse); ok && resp.Success && mustRestart {
			replica.restart("a snapshot replaced a longer log")
		}
	})
	n.host.Tasks.Go("watch snapshot transfer", func(ctx context.Context) {
		n.watchTransfer(ctx, group, in)
	})
	return in, nil
}

// watchTransfer ends a transfer whose sender has gone silent, and forgets it when it is over.
func (n *Node) watchTransfer(ctx context.Context, group uint32, in *incomingSnapshot) {
	timer := n.host.Clock.NewTimer(snapshotIdleTimeout)
	defer timer.Stop()
	for over := false; !over; {
		select {
		case <-in.activity:
			timer.Reset(snapshotIdleTimeout)
		case <-timer.C():
			in.pipe.CloseWithError(fmt.Errorf("no chunk for %s", snapshotIdleTimeout))
			over = true
		case <-ctx.Done():
			in.pipe.CloseWithError(ctx.Err())
			over = true
		case <-in.finished:
			over = true
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.incoming[group] == in {
		delete(n.incoming, group)
	}
}
