package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"chasqui/sim/wasi"
	"chasqui/sim/world"
)

// startsPerRound is how many instances each round starts.
const startsPerRound = 10

// startOnce starts an instance that prints its version, and returns the processor time from nothing to its end.
func startOnce(program *wasi.Program) (time.Duration, error) {
	w := world.New(1, world.DefaultConfig())
	defer w.Close()
	var said strings.Builder
	var ended *world.End
	host := w.AddHost(world.HostSpec{
		Name: "host", IP: "10.0.0.1",
		Output: func(_ *world.Host, _ int32, p []byte) { said.Write(p) },
		Ended:  func(_ *world.Host, end world.End) { ended = &end },
	})
	before := now()
	err := host.Boot(func(h *world.Host) (world.Guest, error) {
		return program.Start(h, wasi.Options{Args: []string{"chasqui", "version"}})
	})
	if err != nil {
		return 0, err
	}
	if err := w.Run(time.Minute, func() bool { return ended != nil }); err != nil {
		return 0, err
	}
	spent := now().cpu - before.cpu
	if ended == nil || ended.Code != 0 {
		return 0, fmt.Errorf("\"chasqui version\" did not end well: %s", said.String())
	}
	return spent, nil
}

// compile compiles the program for an empty cache, then loads it from there as often as there are rounds.
func (m *measures) compile(wasm []byte) (err error) {
	dir, err := os.MkdirTemp("", "chasqui-sim-bench-")
	if err != nil {
		return fmt.Errorf("measure compile: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	cold, err := compileOnce(dir, wasm)
	if err != nil {
		return fmt.Errorf("measure compile: %w", err)
	}
	var cached []float64
	for range m.Rounds {
		spent, err := compileOnce(dir, wasm)
		if err != nil {
			return fmt.Errorf("measure compile: %w", err)
		}
		cached = append(cached, milliseconds(spent))
	}
	m.figures.ColdMs, m.figures.CachedMs = milliseconds(cold), median(cached)
	m.progress(fmt.Sprintf("compile %.0f ms, from the cache %.0f ms", m.figures.ColdMs, m.figures.CachedMs))
	return nil
}

func compileOnce(cacheDir string, wasm []byte) (time.Duration, error) {
	ctx := context.Background()
	began := time.Now()
	engine, err := wasi.NewEngine(ctx, cacheDir)
	if err != nil {
		return 0, err
	}
	_, err = engine.Compile(wasm)
	spent := time.Since(began)
	return spent, errors.Join(err, engine.Close(ctx))
}
