package wasi

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental"

	"chasqui/sim/wasi/tighten"
)

// Engine compiles programs and holds what their instances share: the machine code and the host functions. Its methods
// may be called concurrently; so may those of different Programs and Instances of one Engine.
type Engine struct {
	runtime wazero.Runtime
	cache   wazero.CompilationCache
}

// NewEngine returns an engine that keeps machine code in the folder cacheDir, so that a binary is compiled once and
// later runs of the simulator load it; the folder is made if it does not exist. With "" nothing is kept.
func NewEngine(ctx context.Context, cacheDir string) (*Engine, error) {
	cache := wazero.NewCompilationCache()
	if cacheDir != "" {
		var err error
		if cache, err = wazero.NewCompilationCacheWithDir(filepath.Join(cacheDir, cacheFolder)); err != nil {
			return nil, fmt.Errorf("open the cache of compiled programs: %w", err)
		}
	}
	config := wazero.NewRuntimeConfig().WithCompilationCache(cache).WithDebugInfoEnabled(false)
	e := &Engine{runtime: wazero.NewRuntimeWithConfig(ctx, config), cache: cache}
	for _, m := range []hostModule{systemModule(), cardModule()} {
		if err := m.instantiate(ctx, e.runtime); err != nil {
			return nil, errors.Join(err, e.Close(ctx))
		}
	}
	return e, nil
}

// Close ends the engine. Its instances must have ended before.
func (e *Engine) Close(ctx context.Context) error {
	return errors.Join(e.runtime.Close(ctx), e.cache.Close(ctx))
}

// Program is a compiled binary, of which any number of instances can be started.
type Program struct {
	engine   *Engine
	compiled wazero.CompiledModule
}

// Compile compiles a binary built for wasip1. It fails for what is not a WebAssembly module with the entry point
// "_start" and one memory. What runs is a faster form of it that does the same: see package tighten.
func (e *Engine) Compile(wasm []byte) (*Program, error) {
	tight, err := tighten.Rewrite(wasm)
	if err != nil {
		return nil, fmt.Errorf("compile program: %w", err)
	}
	return e.CompileAsItIs(tight)
}

// CompileAsItIs is Compile without the faster form.
func (e *Engine) CompileAsItIs(wasm []byte) (*Program, error) {
	ctx := experimental.WithCompilationWorkers(context.Background(), runtime.GOMAXPROCS(0))
	compiled, err := e.runtime.CompileModule(ctx, wasm)
	if err != nil {
		return nil, fmt.Errorf("compile program: %w", err)
	}
	if compiled.ExportedFunctions()[entryPoint] == nil || len(compiled.ExportedMemories()) != 1 {
		return nil, errors.Join(fmt.Errorf("compile program: no entry point %q or no memory", entryPoint), compiled.Close(ctx))
	}
	return &Program{engine: e, compiled: compiled}, nil
}
