// SPDX-License-Identifier: Apache-2.0

package host

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/autowasm/autowasm/fetch/module"
)

// Engine is how a module's code is executed.
type Engine int

const (
	// Interpreter compiles 24.5 MB in two seconds. A filter that adds a header takes 4 to 28 times as long as in Envoy, and one
	// that computes a hundred times.
	Interpreter Engine = iota
	// Compiler takes ten times as long to compile, and runs faster. It is for amd64 and arm64.
	Compiler
)

// features are what wazero knows of what V8 has.
const features = api.CoreFeaturesV2 | experimental.CoreFeaturesThreads | experimental.CoreFeaturesTailCall |
	experimental.CoreFeaturesExtendedConst | experimental.CoreFeaturesExceptionHandling

// Module is a compiled filter, which any number of VMs can run at the same time.
type Module struct {
	about    *module.Description
	runtime  wazero.Runtime
	compiled wazero.CompiledModule
	closed   atomic.Bool
}

// Compile checks that Envoy can load a module, as package fetch/module does and with its errors, and compiles it. An
// *UnsupportedError says that this host cannot run it although Envoy may. It takes time and memory in proportion to the
// module, 20 times its size for the interpreter, and does not end early when ctx does.
func Compile(ctx context.Context, wasm []byte, engine Engine) (m *Module, err error) {
	if len(wasm) > module.MaxSize {
		return nil, module.TooLarge(module.MaxSize)
	}
	if _, err := module.Inspect(bytes.NewReader(wasm), int64(len(wasm))); err != nil {
		return nil, err
	}
	about, err := module.Describe(bytes.NewReader(wasm), int64(len(wasm)))
	if err != nil {
		return nil, err
	}
	if err := checkImports(about); err != nil {
		return nil, err
	}
	wasm, err = prepare(wasm)
	if err != nil {
		return nil, fmt.Errorf("read the module's code: %w", err)
	}
	runtime := wazero.NewRuntimeWithConfig(ctx, config(engine))
	defer func() {
		if fault := recover(); fault != nil { // the engine's own
			err = &UnsupportedError{fmt.Sprintf("this module, on which its engine failed: %v", fault)}
		}
		if err != nil {
			_ = runtime.Close(ctx)
			m = nil
		}
	}()
	if err := provide(ctx, runtime, about.ABI); err != nil {
		return nil, fmt.Errorf("provide the host functions: %w", err)
	}
	compiled, err := runtime.CompileModule(ctx, wasm)
	if err != nil {
		return nil, fmt.Errorf("compile the module: %w", err)
	}
	return &Module{about: about, runtime: runtime, compiled: compiled}, nil
}

func config(engine Engine) wazero.RuntimeConfig {
	c := wazero.NewRuntimeConfigInterpreter()
	if engine == Compiler {
		c = wazero.NewRuntimeConfigCompiler()
	}
	return c.WithCoreFeatures(features).WithCloseOnContextDone(true).WithDebugInfoEnabled(false)
}

// checkImports refuses imports other than functions. Envoy creates a memory and a table for a module that imports them.
func checkImports(about *module.Description) error {
	for _, i := range about.Imports {
		if i.Kind != "function" {
			return &UnsupportedError{"an imported " + i.Kind}
		}
	}
	return nil
}

// ABI returns the version of the Proxy-Wasm ABI, such as 0.2.1.
func (m *Module) ABI() string { return m.about.ABI }

// Callbacks returns the names of the exported functions of Proxy-Wasm, which begin with proxy_on_.
func (m *Module) Callbacks() []string {
	var names []string
	for name := range m.compiled.ExportedFunctions() {
		if strings.HasPrefix(name, "proxy_on_") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Close frees the compiled code. VMs of it must not run then, and are over.
func (m *Module) Close(ctx context.Context) error {
	m.closed.Store(true)
	return m.runtime.Close(ctx)
}
