package wasi

import (
	"context"
	"fmt"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// hostModule is a module of functions that programs import.
type hostModule struct {
	name      string
	functions []hostFunction
}

// hostFunction is one function that programs import. params has one letter per parameter, 'i' for i32 and 'I' for i64;
// result is the letter of the result, or 0. call finds the parameters in the stack and leaves the result there, in
// stack[0].
//
// Of an i32 parameter only the lower half of its stack slot means anything: always uint32(stack[i]).
type hostFunction struct {
	name   string
	params string
	result byte
	call   func(i *Instance, stack []uint64)
}

// instantiate makes the module's functions available to every program of the runtime.
func (m hostModule) instantiate(ctx context.Context, runtime wazero.Runtime) error {
	builder := runtime.NewHostModuleBuilder(m.name)
	for _, f := range m.functions {
		params := make([]api.ValueType, len(f.params))
		for n := range f.params {
			params[n] = valueType(f.params[n])
		}
		var results []api.ValueType
		if f.result != 0 {
			results = []api.ValueType{valueType(f.result)}
		}
		builder.NewFunctionBuilder().WithGoModuleFunction(f.guarded(), params, results).Export(f.name)
	}
	if _, err := builder.Instantiate(ctx); err != nil {
		return fmt.Errorf("offer the import module %s: %w", m.name, err)
	}
	return nil
}

func valueType(letter byte) api.ValueType {
	if letter == 'I' {
		return api.ValueTypeI64
	}
	return api.ValueTypeI32
}

// guarded finds the instance that calls, and keeps what the machine panics with: wazero would make an error of it.
func (f hostFunction) guarded() api.GoModuleFunc {
	call := f.call
	return func(ctx context.Context, _ api.Module, stack []uint64) {
		i := ctx.(*instanceContext).instance
		defer i.catch()
		call(i, stack)
	}
}
