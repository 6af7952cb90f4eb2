//go:build !wasip1

package main

import (
	"errors"
	"fmt"
	"io/fs"

	"chasqui/node"
	"chasqui/node/real"
)

// openHost returns this machine as a host.
func openHost(g *global, name, data string) (node.Host, error) {
	host, err := real.New(real.Options{Name: name, DataDir: data, LocalAddress: g.LocalAddress, LogLevel: g.LogLevel, LogOutput: g.stderr})
	if errors.Is(err, fs.ErrPermission) {
		return node.Host{}, fmt.Errorf("data folder %s is not writable: %w", data, err)
	}
	if err != nil {
		return node.Host{}, fmt.Errorf("open host %s: %w", name, err)
	}
	return host, nil
}
