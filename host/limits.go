// SPDX-License-Identifier: Apache-2.0

package host

import "time"

// Limits bound what a filter may use. A field that is zero has its default.
type Limits struct {
	// Memory is the largest size of the filter's linear memory in bytes; 256 MiB by default. Envoy's is 1 GiB.
	Memory uint64
	// CallTime is how long one call into the filter may take; 10 seconds by default. Envoy has no such limit.
	CallTime time.Duration
	// Output is how many bytes one call may have the host copy for the filter: log lines, headers, bodies, properties; 16
	// MiB by default.
	Output int
	// Held is how many bytes the host keeps for the filter beyond a call: shared data, queues, metrics and call-outs; 16
	// MiB by default.
	Held int
	// Buffer is how many bytes of a body are held for a filter that answered "stop and buffer", beyond which Envoy answers
	// 413, or 500 for a response; 1 MiB by default, which is Envoy's default too.
	Buffer int
}

const (
	defaultMemory   = 256 << 20
	defaultCallTime = 10 * time.Second
	defaultOutput   = 16 << 20
	defaultHeld     = 16 << 20
	defaultBuffer   = 1 << 20
)

// withDefaults fills the fields that are zero.
func (l Limits) withDefaults() Limits {
	setDefault(&l.Memory, defaultMemory)
	setDefault(&l.CallTime, defaultCallTime)
	setDefault(&l.Output, defaultOutput)
	setDefault(&l.Held, defaultHeld)
	setDefault(&l.Buffer, defaultBuffer)
	return l
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// entryCost is what an entry of a list costs beside its bytes.
const entryCost = 64

// spend counts bytes that the host copies in the present call of the filter. Beyond the limit the call ends.
func (vm *VM) spend(bytes int) {
	vm.spent += bytes
	if vm.spent > vm.limits.Output {
		panic(limitReached(LimitOutput))
	}
}

// hold counts bytes that the host keeps for the filter; negative ones are given back.
func (vm *VM) hold(bytes int) {
	vm.held += bytes
	if vm.held > vm.limits.Held {
		panic(limitReached(LimitHeld))
	}
}
