package module

import (
	"errors"
	"io"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
)

// MaxSize is the size in bytes of the largest module that Envoy's remote loader
// can take.
const MaxSize = 32 << 20

// Info is what the store knows of a module.
type Info struct {
	// SHA256 of the module's bytes, lower-case hex.
	SHA256 string
	// Size in bytes.
	Size int64
	// ABI is the version of the Proxy-Wasm ABI, such as "0.2.1".
	ABI string
}

// Inspect says whether Envoy can load the module of the given size in bytes, and
// which version of the Proxy-Wasm ABI it speaks, such as "0.2.1".
//
// Every refusal is a terminal *failure.Error of reason NotWasm, Component,
// NotProxyWasm or UnknownImport that says what is missing and what to do. When r
// itself cannot be read, the failure is transient, of reason StoreFailed.
func Inspect(r io.ReaderAt, size int64) (abi string, err error) {
	d, err := Describe(r, size)
	if err != nil {
		return "", err
	}
	if err := d.check(); err != nil {
		return "", err
	}
	return d.ABI, nil
}

// classify makes a failure of what went wrong while reading a module.
func classify(err error) *failure.Error {
	if known, ok := errors.AsType[*failure.Error](err); ok {
		return known
	}
	if broken, ok := errors.AsType[*readError](err); ok {
		return failure.Transientf(v1alpha1.ReasonStoreFailed, "read the module: %w", broken.err)
	}
	return failure.Terminalf(v1alpha1.ReasonNotWasm,
		"not a valid WebAssembly module: %w; the file is damaged or cut short, build or upload it again", err)
}
