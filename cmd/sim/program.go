package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"chasqui/sim"
	"chasqui/sim/wasi"
)

// programName is the product's binary beside this program.
const programName = "chasqui.wasm"

// loaded is a compiled program and what replays need to find it again.
type loaded struct {
	*wasi.Program
	// hash is the beginning of the SHA-256 of the binary: a seed belongs to one binary.
	hash string
	path string
}

// load reads and compiles the product's binary. stop frees what it takes.
func (c *commands) load() (program *loaded, stop func(), err error) {
	path := c.Program
	if path == "" {
		self, err := os.Executable()
		if err != nil {
			return nil, nil, fmt.Errorf("find this program: %w", err)
		}
		path = filepath.Join(filepath.Dir(self), programName)
	}
	wasm, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, &exitError{exitUsage, fmt.Sprintf("%v: build it with make sim-build, or name it with --program", err)}
	}
	cache := c.Cache
	if cache == "" {
		cache = filepath.Join(filepath.Dir(path), "sim-cache")
	}
	ctx := context.Background()
	engine, err := wasi.NewEngine(ctx, cache)
	if err != nil {
		return nil, nil, err
	}
	stop = func() {
		if err := engine.Close(ctx); err != nil {
			fmt.Fprintf(os.Stderr, "sim: closing the engine: %v\n", err)
		}
	}
	compiled, err := engine.Compile(wasm)
	if err != nil {
		stop()
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return &loaded{Program: compiled, hash: fmt.Sprintf("%x", sha256.Sum256(wasm))[:12], path: path}, stop, nil
}

// prepare finds what to run: a scenario, and the product, with a bug if there is one.
func (c *commands) prepare(seed uint64, from, bug string) (s *sim.Scenario, program *loaded, stop func(), err error) {
	if from == "" && seed == 0 {
		return nil, nil, nil, &exitError{exitUsage, "give a --seed (from 1 on), or a scenario: a name, a file or the folder of a failure"}
	}
	if s, err = scenario(seed, from); err != nil {
		return nil, nil, nil, err
	}
	program, stop, err = c.loadWith(bug)
	return s, program, stop, err
}

// scenario returns that of a seed, of a scenario file, of a folder of a kept failure, or of a name.
func scenario(seed uint64, from string) (*sim.Scenario, error) {
	if from == "" {
		return sim.Draw(seed), nil
	}
	switch info, err := os.Stat(from); {
	case err == nil && info.IsDir():
		from = filepath.Join(from, "config.json")
	case errors.Is(err, fs.ErrNotExist) && !strings.ContainsAny(from, "./"):
		s, err := sim.Named(from)
		if err != nil {
			return nil, &exitError{exitUsage, err.Error()}
		}
		if seed != 0 {
			s.Seed = seed
		}
		return s, nil
	}
	file, err := os.Open(from)
	if err != nil {
		return nil, &exitError{exitUsage, err.Error()}
	}
	defer file.Close()
	s, err := sim.ReadScenario(file)
	if err != nil {
		return nil, &exitError{exitUsage, fmt.Sprintf("%s: %v", from, err)}
	}
	return s, nil
}

// exitOf is the exit code of a verdict.
func exitOf(v sim.Verdict) int {
	switch v {
	case sim.Safety:
		return exitSafety
	case sim.Liveness:
		return exitLiveness
	case sim.Crashed:
		return exitCrash
	case sim.Nondeterminism:
		return exitNondeterminism
	default:
		return 0
	}
}

// stuck ends the process because a program never waits.
func stuck(seed uint64, host string) {
	fmt.Fprintf(os.Stderr, "sim: seed %d: the program on %s has not waited for a minute: it runs in a circle. "+
		"Replay with --logs to see what it did last.\n", seed, host)
	os.Exit(exitHarness)
}
