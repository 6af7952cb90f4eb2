package main

import (
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"
	kongyaml "github.com/alecthomas/kong-yaml"
)

// loadYAML reads a configuration file: "log-level: debug" at the top level is the flag --log-level of every command,
// "backend: {zone: a}" is --zone of the command backend.
func loadYAML(r io.Reader) (kong.Resolver, error) { return kongyaml.Loader(r) }

// configFile gives flags the values of the file that --config names. Kong asks resolvers after it has read the
// environment and lets them win, so this one keeps silent about flags whose variable is set.
type configFile struct {
	path   *string // the value of --config, set by the time of the first Resolve
	loaded kong.Resolver
}

var _ kong.Resolver = (*configFile)(nil)

// Validate accepts every command line.
func (c *configFile) Validate(*kong.Application) error { return nil }

// Resolve returns the flag's value in the file, or nil.
func (c *configFile) Resolve(ctx *kong.Context, parent *kong.Path, flag *kong.Flag) (any, error) {
	if flag.Name == "config" || flag.Name == "help" {
		return nil, nil
	}
	for _, name := range flag.Envs {
		if _, set := os.LookupEnv(name); set {
			return nil, nil
		}
	}
	path := configPath(ctx, *c.path)
	if path == "" {
		return nil, nil
	}
	if c.loaded == nil {
		loaded, err := ctx.LoadConfig(path)
		if err != nil {
			return nil, fmt.Errorf("--config: %w", err)
		}
		c.loaded = loaded
	}
	value, err := c.loaded.Resolve(ctx, parent, flag)
	if err == nil && value == nil && parent.Node().Type != kong.ApplicationNode {
		value, err = c.loaded.Resolve(ctx, &kong.Path{App: ctx.Model}, flag)
	}
	return value, err
}

// configPath returns the value of --config on the command line, else that of the environment, which is current.
func configPath(ctx *kong.Context, current string) string {
	for _, flag := range ctx.Model.Flags {
		if flag.Name == "config" {
			if path, ok := ctx.FlagValue(flag).(string); ok && path != "" {
				return path
			}
		}
	}
	return current
}
