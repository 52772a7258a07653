// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/autowasm/autowasm/fetch/module/wasmtest"
)

// relay returns a module that exports each host function of an ABI as call_<name>, or with the name of its module before
// it where that is WASI's, so that a test can call it.
func relay(abi string, options ...wasmtest.Option) []byte {
	all := []wasmtest.Option{wasmtest.ABI(abi), wasmtest.NoImports()}
	var exports []wasmtest.Option
	index := byte(0)
	for _, g := range groups() {
		if len(g.abis) > 0 && !strings.Contains(strings.Join(g.abis, " "), abi) {
			continue
		}
		result := ":i"
		if g.silent {
			result = ":"
		}
		for _, f := range g.all {
			name := g.prefix + f.name
			all = append(all, wasmtest.Import(g.modules[len(g.modules)-1], name, f.params+result))
			var body []byte
			for i := range f.params {
				body = append(body, 0x20, byte(i)) // local.get i
			}
			exports = append(exports, wasmtest.Function("call_"+name, f.params+result, append(body, 0x10, index)...))
			index++
		}
	}
	return wasmtest.Module(append(append(all, exports...), options...)...)
}

// guest is a VM of a module, to call host functions from as the module would.
type guest struct {
	*testing.T
	vm    *VM
	scope *scope // whose calls they are
	lines []Line
}

// newGuest starts a module.
func newGuest(t *testing.T, wasm []byte, config VMConfig) *guest {
	t.Helper()
	m, err := Compile(t.Context(), wasm, Interpreter)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close(context.WithoutCancel(t.Context())) })
	return startGuest(t, m, config)
}

// startGuest starts a compiled module.
func startGuest(t *testing.T, m *Module, config VMConfig) *guest {
	t.Helper()
	g := &guest{T: t}
	config.Proxy.Log = func(l Line) { g.lines = append(g.lines, l) }
	var err error
	if g.vm, err = m.Start(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	return g
}

// plugin configures the filter, whose calls they are from now on.
func (g *guest) plugin(config PluginConfig) *Plugin {
	g.Helper()
	p, err := g.vm.Plugin(g.Context(), config)
	if err != nil {
		g.Fatal(err)
	}
	g.scope = p.scope
	return p
}

// stream begins a stream, whose calls they are from now on.
func (g *guest) stream(p *Plugin, config StreamConfig) *Stream {
	g.Helper()
	s, err := p.Stream(g.Context(), config)
	if err != nil {
		g.Fatal(err)
	}
	g.scope = s.scope
	return s
}

// Where in the module's memory tests put arguments and results, away from what it allocates.
const (
	argumentsAt = 64 << 10
	resultsAt   = 128 << 10
)

// call calls a host function. A string becomes its address and size, a result the address for it.
func (g *guest) call(function string, args ...any) Status {
	g.Helper()
	status, err := g.try(function, args...)
	if err != nil {
		g.Fatalf("%s: %v", function, err)
	}
	return status
}

func (g *guest) try(function string, args ...any) (Status, error) {
	g.Helper()
	at := uint32(argumentsAt)
	var words []uint64
	for _, arg := range args {
		switch v := arg.(type) {
		case string:
			if !g.vm.memory.WriteString(at, v) {
				g.Fatalf("%s does not fit", v)
			}
			words = append(words, uint64(at), uint64(len(v)))
			at += uint32(len(v))
		case result:
			words = append(words, resultsAt+8*uint64(v))
		case int:
			words = append(words, uint64(v))
		default:
			g.Fatalf("%T is no argument", arg)
		}
	}
	answer, err := g.vm.call(g.Context(), g.scope, "call_"+function, words...)
	return Status(answer), err
}

// result is the number of a result, of 8 bytes.
type result int

func (g *guest) number(r result) uint32 {
	value, _ := g.vm.memory.ReadUint32Le(resultsAt + 8*uint32(r))
	return value
}

func (g *guest) number64(r result) uint64 {
	value, _ := g.vm.memory.ReadUint64Le(resultsAt + 8*uint32(r))
	return value
}

// bytes returns what two results, an address and a size, say.
func (g *guest) bytes(address result) string {
	g.Helper()
	data, ok := g.vm.memory.Read(g.number(address), g.number(address+1))
	if !ok {
		g.Fatalf("%d bytes at %d are outside", g.number(address+1), g.number(address))
	}
	return string(data)
}

// want compares an answer.
func (g *guest) want(what string, got, want Status) {
	g.Helper()
	if got != want {
		g.Errorf("%s = %d, want %d", what, got, want)
	}
}

// get returns what a host function answers as data: "404" stands for the status 404.
func (g *guest) get(function string, args ...any) string {
	g.Helper()
	if status := g.call(function, append(args, result(0), result(1))...); status != StatusOK {
		return strconv.Itoa(int(status))
	}
	return g.bytes(0)
}

// limitOf returns the limit of an error, "" if it is none of a limit.
func limitOf(err error) Limit {
	if limit, ok := errors.AsType[*LimitError](err); ok {
		return limit.Limit
	}
	return ""
}
