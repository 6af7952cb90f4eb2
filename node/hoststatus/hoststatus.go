// Package hoststatus is the question every process of chasqui answers: who are you, and are you well?
//
// Each role registers [Serve] on its RPC server; "chasqui status" and "chasqui up" ask with [Ask]. The answer is a
// [Status]. Whether a process is well is the role's own judgement: a frontend that cannot reach any metadata host is
// not, a balancer that stands by is.
package hoststatus

import (
	"context"
	"errors"
	"fmt"

	"github.com/vmihailenco/msgpack/v5"

	"chasqui/node/rpc"
)

// Method is the RPC method of the question. Its request is empty.
const Method rpc.Method = 100

// Limits of the texts in a Status, in bytes. Longer ones are cut when encoded and refused when decoded.
const (
	textMax   = 256
	detailMax = 2048
)

// Status is a process's answer.
type Status struct {
	// Role is "metadata", "backend", "frontend" or "balancer".
	Role string
	// ID is the host's id, for example "backend-2".
	ID string
	// Address is where clients of the role reach it: the RPC address of metadata and backends, the HTTP address of a
	// frontend, the VIP of a balancer.
	Address string
	// PID is the process id on the host's machine; 0 if it has none.
	PID int
	// StartedMs is when the process started, in Unix milliseconds of its own clock.
	StartedMs int64
	// Healthy says that the process does what it is for.
	Healthy bool
	// Detail is a short text for people: what is wrong, or what it does ("holds the VIP").
	Detail string
}

const (
	version = 1
	fields  = 8
)

// EncodeMsgpack writes [version, role, id, address, pid, startedMs, healthy, detail].
func (s *Status) EncodeMsgpack(e *msgpack.Encoder) error {
	return errors.Join(
		e.EncodeArrayLen(fields), e.EncodeUint(version),
		e.EncodeString(cut(s.Role, textMax)), e.EncodeString(cut(s.ID, textMax)), e.EncodeString(cut(s.Address, textMax)),
		e.EncodeInt(int64(s.PID)), e.EncodeInt(s.StartedMs), e.EncodeBool(s.Healthy), e.EncodeString(cut(s.Detail, detailMax)),
	)
}

func cut(text string, max int) string { return text[:min(len(text), max)] }

// DecodeMsgpack reads what EncodeMsgpack wrote.
func (s *Status) DecodeMsgpack(d *msgpack.Decoder) error {
	n, err := d.DecodeArrayLen()
	if err != nil {
		return err
	}
	v, err := d.DecodeUint64()
	if err != nil {
		return err
	}
	if n != fields || v != version {
		return fmt.Errorf("host status has %d fields in version %d, want %d in version %d", n, v, fields, version)
	}
	for _, text := range []*string{&s.Role, &s.ID, &s.Address} {
		if *text, err = rpc.DecodeString(d, textMax); err != nil {
			return err
		}
	}
	if s.PID, err = d.DecodeInt(); err != nil {
		return err
	}
	if s.StartedMs, err = d.DecodeInt64(); err != nil {
		return err
	}
	if s.Healthy, err = d.DecodeBool(); err != nil {
		return err
	}
	s.Detail, err = rpc.DecodeString(d, detailMax)
	return err
}

// Serve makes server answer the question with what status returns. status may be called concurrently, must not block
// for longer than a call may take, and is told the call's context.
func Serve(server *rpc.Server, status func(ctx context.Context) Status) {
	server.Handle(Method, func(call *rpc.Call) {
		answer := status(call.Context())
		call.Reply(rpc.Encode(&answer))
	})
}

// Ask asks the process whose RPC address is given. An error means that it did not answer within ctx.
func Ask(ctx context.Context, client *rpc.Client, address string) (Status, error) {
	body, err := client.Call(ctx, address, Method, nil)
	if err != nil {
		return Status{}, err
	}
	var status Status
	if err := rpc.Decode(body, &status); err != nil {
		return Status{}, fmt.Errorf("host status of %s: %w", address, err)
	}
	return status, nil
}
