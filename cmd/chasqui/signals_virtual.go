//go:build wasip1

package main

import (
	"context"

	"chasqui/node/virtual"
)

// untilSignal returns a context that ends when the simulator asks the process to stop, as SIGTERM does, or with release.
func untilSignal() (ctx context.Context, release func()) { return virtual.UntilAsked() }
