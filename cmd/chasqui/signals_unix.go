//go:build unix

package main

import (
	"context"
	"os/signal"
	"syscall"
)

// untilSignal returns a context that ends with the first SIGTERM or SIGINT. After that, or after release, signals have
// their usual effect: a second Ctrl-C ends the process at once.
func untilSignal() (ctx context.Context, release func()) {
	ctx, release = signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	context.AfterFunc(ctx, release)
	return ctx, release
}
