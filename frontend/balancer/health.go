package balancer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"chasqui/node"
)

// healthBytesMax bounds what is read of a frontend's answer to a health check.
const healthBytesMax = 64 << 10

// drainingText is what a frontend answers, with status 503, when it is about to stop in order.
const drainingText = "draining"

var (
	// errDraining means that a frontend takes no new connections but finishes its requests.
	errDraining = errors.New("the frontend is draining")
	// errUnwell means that a frontend answered, and not with 200.
	errUnwell = errors.New("the frontend is not well")
)

// watch checks one frontend until ctx ends.
func (b *Balancer) watch(ctx context.Context, u *upstream) {
	for {
		started := b.host.Clock.Now()
		err := b.check(ctx, u.address)
		if ctx.Err() != nil {
			return
		}
		if err == nil || errors.Is(err, errDraining) || errors.Is(err, errUnwell) {
			b.mu.Lock()
			b.frontendAsked = started
			b.mu.Unlock()
		}
		b.pool.report(u, err)
		if node.Wait(ctx, b.host.Clock, b.cfg.CheckInterval-node.Since(b.host.Clock, started)) != nil {
			return
		}
	}
}

// check asks one frontend for its health, within Config.CheckTimeout.
func (b *Balancer) check(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, b.cfg.CheckTimeout)
	defer cancel()
	return Probe(ctx, b.host.Network, address)
}

// Probe asks the frontend at address for its health and returns nil if it is well. ctx bounds the whole of it. It uses
// a connection of its own: a frontend that still serves old connections but accepts no more is of no use to a new
// client. Asked of a VIP, it tells whether the whole way through the balancer works.
func Probe(ctx context.Context, network node.Network, address string) error {
	conn, err := network.Dial(ctx, address)
	if err != nil {
		return fmt.Errorf("reach %s for a health check: %w", address, err)
	}
	defer closeConn(conn)
	stop := context.AfterFunc(ctx, func() { closeConn(conn) }) // ends the reads and writes below
	defer stop()
	if _, err := fmt.Fprintf(conn, "GET /healthz HTTP/1.1\r\nHost: %s\r\nUser-Agent: chasqui\r\nConnection: close\r\n\r\n", address); err != nil {
		return fmt.Errorf("health check of %s: send: %w", address, err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(io.LimitReader(conn, healthBytesMax)), nil)
	if err != nil {
		return fmt.Errorf("health check of %s: read answer: %w", address, err)
	}
	if answer.StatusCode != http.StatusOK {
		text, err := io.ReadAll(io.LimitReader(answer.Body, int64(len(drainingText)+2)))
		if err == nil && answer.StatusCode == http.StatusServiceUnavailable && strings.TrimSpace(string(text)) == drainingText {
			return fmt.Errorf("health check of %s: %w", address, errDraining)
		}
		return fmt.Errorf("health check of %s: %w: %q", address, errUnwell, answer.Status)
	}
	return nil
}
