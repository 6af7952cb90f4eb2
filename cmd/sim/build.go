package main

import (
	"fmt"
	"os"

	"chasqui/sim/bugs"
)

type buildCommand struct {
	Out    string `arg:"" help:"File to make." type:"path"`
	Source string `help:"The product's source." default:"." type:"path"`
	Bug    string `help:"Plant this bug (see: sim bugs --list)."`
}

// Help is shown by sim build --help.
func (*buildCommand) Help() string {
	return `"make sim-build" does it, with failpoints. Example:

    sim build bin/chasqui.wasm`
}

// Run builds the product for the simulator.
func (c *buildCommand) Run() (err error) {
	work, err := os.MkdirTemp("", "chasqui-build-")
	if err != nil {
		return fmt.Errorf("make a folder to build in: %w", err)
	}
	defer func() {
		if removing := os.RemoveAll(work); removing != nil && err == nil {
			err = removing
		}
	}()
	var planted []string
	if c.Bug != "" {
		planted = append(planted, c.Bug)
	}
	return bugs.Build(c.Source, work, c.Out, planted...)
}
