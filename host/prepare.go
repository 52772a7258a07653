// SPDX-License-Identifier: Apache-2.0

package host

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// What a module may declare, since the engine allocates for a declaration whatever the size of the file. V8 has limits of
// 50,000 locals in a function and 10,000,000 elements in a table.
const (
	maxLocals        = 10_000     // in a function
	maxLocalsInAll   = 20_000_000 // in all functions
	maxTableElements = 1 << 20    // in all tables
)

// The sections of a module that are rewritten.
const (
	sectionTable = 4
	sectionCode  = 10
)

// emptyLoop is a loop without a body. The engine checks at the head of each loop whether a call has to end.
var emptyLoop = []byte{0x03, 0x40, 0x0b}

var errMalformed = errors.New("it is cut short or malformed")

// prepare returns the module so that calls of it can be ended at each function's entry, not in loops alone: otherwise one
// that only recurses, or only makes tail calls, would run for ever. It refuses declarations beyond the limits.
func prepare(wasm []byte) ([]byte, error) {
	const preamble = 8
	if len(wasm) < preamble {
		return nil, errMalformed
	}
	out := append(make([]byte, 0, len(wasm)+len(wasm)/16), wasm[:preamble]...)
	r := &scanner{data: wasm[preamble:]}
	for len(r.data) > 0 && r.err == nil {
		id, content := r.byte(), r.sized()
		switch id {
		case sectionTable:
			content, r.err = prepareTables(content, r.err)
		case sectionCode:
			content, r.err = prepareCode(content, r.err)
		}
		out = append(binary.AppendUvarint(append(out, id), uint64(len(content))), content...)
	}
	return out, r.err
}

// prepareCode puts an empty loop at the start of each function.
func prepareCode(content []byte, err error) ([]byte, error) {
	r := &scanner{data: content, err: err}
	count := r.u32()
	out := binary.AppendUvarint(make([]byte, 0, len(content)+len(content)/16), uint64(count))
	total := 0
	for range count {
		if r.err != nil {
			return nil, r.err
		}
		body := r.sized()
		b := &scanner{data: body, err: r.err}
		total += b.locals()
		r.err = b.err
		if total > maxLocalsInAll {
			return nil, &UnsupportedError{fmt.Sprintf("functions of more than %d local variables in all", maxLocalsInAll)}
		}
		at := len(body) - len(b.data)
		out = binary.AppendUvarint(out, uint64(len(body)+len(emptyLoop)))
		out = append(append(append(out, body[:at]...), emptyLoop...), body[at:]...)
	}
	return append(out, r.data...), r.err
}

// locals steps over the declarations of local variables and counts them.
func (r *scanner) locals() int {
	total := 0
	for range r.u32() {
		n := r.u32()
		r.valueType()
		if r.err != nil {
			return 0
		}
		if total += int(n); total > maxLocals {
			r.err = &UnsupportedError{fmt.Sprintf("a function of more than %d local variables", maxLocals)}
		}
	}
	return total
}

// prepareTables gives each table a maximum.
func prepareTables(content []byte, err error) ([]byte, error) {
	r := &scanner{data: content, err: err}
	count := r.u32()
	if count == 0 || count > maxTableElements {
		return content, r.err
	}
	out := binary.AppendUvarint(nil, uint64(count))
	total := uint64(0)
	for range count {
		if r.err != nil {
			return nil, r.err
		}
		if len(r.data) > 0 && r.data[0] == 0x40 { // a table with an initial value: the engine refuses it
			return content, nil
		}
		start := r.data
		r.valueType()
		element := start[:len(start)-len(r.data)]
		flags, low, high := r.byte(), uint64(r.u32()), uint64(maxTableElements)
		if flags&1 != 0 {
			high = min(high, uint64(r.u32()))
		}
		if total += low; total > maxTableElements {
			return nil, &UnsupportedError{fmt.Sprintf("tables of more than %d elements", maxTableElements)}
		}
		high = max(low, min(high, maxTableElements/uint64(count)))
		out = append(append(out, element...), flags|1)
		out = binary.AppendUvarint(binary.AppendUvarint(out, low), high)
	}
	return slices.Concat(out, r.data), r.err
}

// scanner reads the binary format. After an error each step returns zero.
type scanner struct {
	data []byte
	err  error
}

func (r *scanner) fail() {
	if r.err == nil {
		r.err = errMalformed
	}
	r.data = nil
}

func (r *scanner) byte() byte {
	if r.err != nil || len(r.data) == 0 {
		r.fail()
		return 0
	}
	b := r.data[0]
	r.data = r.data[1:]
	return b
}

func (r *scanner) u32() uint32 {
	value, n := binary.Uvarint(r.data)
	if r.err != nil || n <= 0 || n > 5 || value > 1<<32-1 {
		r.fail()
		return 0
	}
	r.data = r.data[n:]
	return uint32(value)
}

// sized reads a size and so many bytes.
func (r *scanner) sized() []byte {
	size := r.u32()
	if r.err != nil || uint64(size) > uint64(len(r.data)) {
		r.fail()
		return nil
	}
	content := r.data[:size]
	r.data = r.data[size:]
	return content
}

// valueType steps over a type; that of a typed reference is followed by what it refers to.
func (r *scanner) valueType() {
	if code := r.byte(); code == 0x63 || code == 0x64 {
		for r.byte()&0x80 != 0 {
			continue
		}
	}
}
