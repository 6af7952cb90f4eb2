//go:build wasip1

package main

import (
	"fmt"

	"chasqui/node"
	"chasqui/node/virtual"
)

// openHost returns the simulator's machine, on which this process runs, as a host. Its disk belongs to this process
// alone, so the name of the data folder does not matter.
func openHost(g *global, name, data string) (node.Host, error) {
	if g.LocalAddress != "" {
		return node.Host{}, fmt.Errorf("--local-address %s: a simulated machine has one address", g.LocalAddress)
	}
	host, err := virtual.New(virtual.Options{Name: name, HasDisk: data != "", LogLevel: g.LogLevel, LogOutput: g.stderr})
	if err != nil {
		return node.Host{}, fmt.Errorf("open host %s: %w", name, err)
	}
	return host, nil
}
