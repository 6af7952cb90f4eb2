package balancer

import (
	"context"
	"errors"
	"fmt"

	"github.com/vmihailenco/msgpack/v5"

	"chasqui/node/rpc"
)

// MethodPing is the RPC method with which one balancer asks the other. Request and answer are a State each.
const MethodPing rpc.Method = 101

const (
	stateVersion = 1
	stateFields  = 4
	idBytesMax   = 256
)

// EncodeMsgpack writes [version, id, priority, holding].
func (s *State) EncodeMsgpack(e *msgpack.Encoder) error {
	return errors.Join(e.EncodeArrayLen(stateFields), e.EncodeUint(stateVersion),
		e.EncodeString(s.ID), e.EncodeUint(uint64(s.Priority)), e.EncodeBool(s.Holding))
}

// DecodeMsgpack reads what EncodeMsgpack wrote.
func (s *State) DecodeMsgpack(d *msgpack.Decoder) error {
	n, err := d.DecodeArrayLen()
	if err != nil {
		return err
	}
	version, err := d.DecodeUint64()
	if err != nil {
		return err
	}
	if n != stateFields || version != stateVersion {
		return fmt.Errorf("balancer state has %d fields in version %d, want %d in version %d", n, version, stateFields, stateVersion)
	}
	if s.ID, err = rpc.DecodeString(d, idBytesMax); err != nil {
		return err
	}
	priority, err := d.DecodeUint64()
	if err != nil {
		return err
	}
	if s.Priority = Priority(priority); uint64(s.Priority) != priority || (s.Priority != Primary && s.Priority != Secondary) {
		return fmt.Errorf("balancer state has priority %d, want %d or %d", priority, Primary, Secondary)
	}
	s.Holding, err = d.DecodeBool()
	return err
}

// Register makes server answer the peer's questions.
func (b *Balancer) Register(server *rpc.Server) {
	server.HandleInline(MethodPing, func(call *rpc.Call) {
		var peer State
		if err := rpc.Decode(call.Body(), &peer); err != nil {
			call.Fail(&rpc.RemoteError{Code: rpc.CodeBadRequest, Message: err.Error()})
			return
		}
		if peer.ID == b.cfg.ID {
			call.Fail(&rpc.RemoteError{Code: rpc.CodeConflict, Message: fmt.Sprintf("both balancers are called %q", peer.ID)})
			return
		}
		self := b.HandlePing(peer)
		call.Reply(rpc.Encode(&self))
	})
}

// remotePeer is a peer in another process.
type remotePeer struct {
	client  *rpc.Client
	address string
}

// NewPeer returns the peer whose RPC server listens on address.
func NewPeer(client *rpc.Client, address string) Peer { return remotePeer{client, address} }

// Ping asks over the network.
func (p remotePeer) Ping(ctx context.Context, self State) (State, error) {
	body, err := p.client.Call(ctx, p.address, MethodPing, rpc.Encode(&self))
	if err != nil {
		return State{}, err
	}
	var peer State
	if err := rpc.Decode(body, &peer); err != nil {
		return State{}, fmt.Errorf("answer of the balancer at %s: %w", p.address, err)
	}
	return peer, nil
}
