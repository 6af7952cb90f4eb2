package metadata

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"chasqui/node"
	"chasqui/node/rpc"
)

// askLeader sends a request to the leader of the metadata hosts until it is answered or ctx ends. The request must be
// a read or carry a request id, for it may arrive more than once.
func (c *Client) askLeader(ctx context.Context, method rpc.Method, body []byte) ([]byte, error) {
	return c.ask(ctx, method, body, true)
}

// askAny sends a request to one host after the other until one answers.
func (c *Client) askAny(ctx context.Context, method rpc.Method, body []byte) ([]byte, error) {
	return c.ask(ctx, method, body, false)
}

func (c *Client) ask(ctx context.Context, method rpc.Method, body []byte, leaderOnly bool) ([]byte, error) {
	if _, has := ctx.Deadline(); !has {
		limited, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		ctx = limited
	}
	var (
		backoff = backoffMin
		unknown error // the first outcome that may yet be a change
		last    error = errors.New("not tried")
		hinted  bool  // the previous attempt followed a hint
	)
	for ctx.Err() == nil {
		address := c.target(leaderOnly)
		answer, err := c.attempt(ctx, address, method, body)
		outcome := judge(err)
		switch outcome {
		case answered:
			if leaderOnly {
				c.learn(address)
			}
			return answer, nil
		case refused:
			return nil, fmt.Errorf("%w: %s: %w", ErrInvalidRequest, address, err)
		case notLeader:
			last = fmt.Errorf("%s: %w", address, err)
			hint := c.hintOf(err)
			c.follow(address, hint)
			if hint != "" && hint != address && !hinted {
				hinted = true // at once, but two hosts that point at each other must not make a busy loop
				continue
			}
		case unknownOutcome:
			if unknown == nil {
				unknown = fmt.Errorf("%s: %w", address, err)
			}
			fallthrough
		default:
			last = fmt.Errorf("%s: %w", address, err)
			c.follow(address, "")
		}
		hinted = false
		if c.pause(ctx, backoff) != nil {
			break
		}
		backoff = min(2*backoff, backoffMax)
	}
	if unknown != nil && method == methodChange {
		return nil, fmt.Errorf("%w: %w; first attempt without an answer: %w", ErrUnknownOutcome, context.Cause(ctx), unknown)
	}
	return nil, fmt.Errorf("%w: %w; last attempt: %w", ErrUnavailable, context.Cause(ctx), last)
}

func (c *Client) attempt(ctx context.Context, address string, method rpc.Method, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	return c.caller.Call(ctx, address, method, body)
}

// pause waits for between half of d and all of it, so that clients that failed together do not come back together.
func (c *Client) pause(ctx context.Context, d time.Duration) error {
	half := uint64(d / 2)
	return node.Wait(ctx, c.host.Clock, time.Duration(half+c.host.Random.Uint64()%(half+1)))
}

// outcome is what an attempt came to.
type outcome int

const (
	answered       outcome = iota
	refused                // the host understood and will never do it
	notLeader              // not done; another host leads
	notDone                // not done; trying again makes sense
	unknownOutcome         // done or not done
)

// judge sorts the errors of a Caller. An error it does not know may have been a change.
func judge(err error) outcome {
	if err == nil {
		return answered
	}
	var remote *rpc.RemoteError
	if !errors.As(err, &remote) {
		if errors.Is(err, rpc.ErrNotSent) {
			return notDone
		}
		return unknownOutcome
	}
	switch remote.Code {
	case rpc.CodeNotLeader:
		return notLeader
	case rpc.CodeOverloaded, rpc.CodeExpired, rpc.CodeUnavailable, rpc.CodeUnknownMethod:
		return notDone
	case rpc.CodeBadRequest:
		return refused
	default:
		return unknownOutcome
	}
}

// hintOf returns the leader's address that a "not leader" answer names ("hostID address"), or "". Only the
// configured addresses are believed.
func (c *Client) hintOf(err error) string {
	var remote *rpc.RemoteError
	if !errors.As(err, &remote) {
		return ""
	}
	_, address, _ := strings.Cut(remote.Message, " ")
	for _, known := range c.addresses {
		if known == address {
			return address
		}
	}
	return ""
}

// target chooses whom to ask: the host that led last, else the hosts in turn.
func (c *Client) target(leaderOnly bool) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if leaderOnly && c.leader != "" {
		return c.leader
	}
	address := c.addresses[c.next%len(c.addresses)]
	c.next++
	return address
}

// learn remembers who answered as leader.
func (c *Client) learn(address string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leader = address
}

// follow takes up a hint ("" for none) after address turned out not to lead or not to answer. What another call has
// learnt meanwhile about another host stays.
func (c *Client) follow(address, hint string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if hint == address {
		hint = ""
	}
	if c.leader == address || c.leader == "" {
		c.leader = hint
	}
}
