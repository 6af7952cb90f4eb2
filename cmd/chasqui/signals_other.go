//go:build !unix && !wasip1

package main

import "context"

// untilSignal returns a context that nothing but release ends: this system has no signals, and whoever runs the process
// ends it as a whole.
func untilSignal() (ctx context.Context, release func()) {
	return context.WithCancel(context.Background())
}
