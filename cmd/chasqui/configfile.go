package main

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/alecthomas/kong"
	kongyaml "github.com/alecthomas/kong-yaml"
	"gopkg.in/yaml.v3"
)

// configBytesMax bounds a configuration file.
const configBytesMax = 1 << 20

// configFile gives flags the values of the file that --config names: "log-level: debug" at the top level is the flag
// --log-level of every command, "backend: {zone: a}" is --zone of the command backend. Kong asks resolvers after it has
// read the environment and lets them win, so this one keeps silent about flags whose variable is set.
type configFile struct {
	path    *string // the value of --config, set by the time of the first Resolve
	loaded  kong.Resolver
	content map[string]any // of the file that was loaded
}

var _ kong.Resolver = (*configFile)(nil)

// load reads a configuration file.
func (c *configFile) load(r io.Reader) (kong.Resolver, error) {
	content, err := io.ReadAll(io.LimitReader(r, configBytesMax+1))
	if err != nil {
		return nil, err
	}
	if len(content) > configBytesMax {
		return nil, fmt.Errorf("the file has more than %d bytes", configBytesMax)
	}
	if err := yaml.Unmarshal(content, &c.content); err != nil {
		return nil, fmt.Errorf("YAML: %w", err)
	}
	return kongyaml.Loader(bytes.NewReader(content))
}

// checkNames returns an error for a name in the file that is no flag's: a value that somebody meant to be used.
func (c *configFile) checkNames(app *kong.Application) error {
	anywhere := map[string]bool{}
	addFlagNames(app.Node, anywhere)
	return checkSection(app.Node, c.content, func(name string) error {
		if !anywhere[name] {
			return fmt.Errorf("%q is no flag of any command", name)
		}
		return nil
	})
}

// checkSection checks the names of a section: those of commands below n have sections of their own, the others are for
// isFlag to judge.
func checkSection(n *kong.Node, section map[string]any, isFlag func(name string) error) error {
	for _, name := range slices.Sorted(maps.Keys(section)) {
		at := slices.IndexFunc(n.Children, func(child *kong.Node) bool { return child.Name == name })
		inner, isSection := section[name].(map[string]any)
		var err error
		switch {
		case at < 0:
			err = isFlag(name)
		case !isSection && section[name] != nil:
			err = fmt.Errorf("%q is a command: give its flags below it", name)
		default:
			child := n.Children[at]
			err = checkSection(child, inner, func(name string) error {
				for node := child; node != nil; node = node.Parent {
					if slices.ContainsFunc(node.Flags, func(f *kong.Flag) bool { return f.Name == name }) {
						return nil
					}
				}
				return fmt.Errorf("%q below %q is no flag of that command", name, child.Name)
			})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// addFlagNames adds the flags of n and of all commands below it.
func addFlagNames(n *kong.Node, names map[string]bool) {
	for _, flag := range n.Flags {
		names[flag.Name] = true
	}
	for _, child := range n.Children {
		addFlagNames(child, names)
	}
}

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
		if err := c.checkNames(ctx.Model); err != nil {
			return nil, fmt.Errorf("--config %s: %w", path, err)
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
