// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"maps"
	"slices"
)

var sharedFunctions = []function{
	{"get_shared_data", "iiiii", getSharedData},
	{"set_shared_data", "iiiii", setSharedData},
	{"register_shared_queue", "iii", registerQueue},
	{"resolve_shared_queue", "iiiii", resolveQueue},
	{"dequeue_shared_queue", "iii", dequeue},
	{"enqueue_shared_queue", "iii", enqueue},
}

// Shared is the data and the queues that filters share, by the id of their VM. Those of an id are dropped when the last of its
// VMs is closed. As with a VM, it is for one goroutine at a time.
type Shared struct {
	vms    map[string]int // how many VMs of an id are open
	data   map[sharedKey]*sharedValue
	tokens map[sharedKey]uint32
	queues map[uint32]*queue
	cas    uint32
	token  uint32
	held   int // bytes
}

type sharedKey struct{ vmID, name string }

type sharedValue struct {
	value []byte
	cas   uint32
	held  int // bytes of the limit, none for what the caller set
}

// queue belongs to the plugin that registered it last, to none after the end of that one's VM.
type queue struct {
	vm    *VM
	root  *scope
	items [][]byte
	ready int // how often its plugin has to be called
}

// NewShared returns shared data and queues that are empty.
func NewShared() *Shared {
	return &Shared{vms: map[string]int{}, data: map[sharedKey]*sharedValue{}, tokens: map[sharedKey]uint32{}, queues: map[uint32]*queue{}}
}

// Set sets shared data of the VMs of an id, as proxy_set_shared_data does. There need not be one yet.
func (s *Shared) Set(vmID, key string, value []byte) {
	name := sharedKey{vmID, key}
	if entry := s.data[name]; entry != nil {
		s.held -= entry.held
	}
	s.set(name, append([]byte(nil), value...), 0)
}

func (s *Shared) set(key sharedKey, value []byte, held int) {
	s.cas++
	s.data[key] = &sharedValue{value, s.cas, held}
}

// Get returns shared data of the VMs of an id.
func (s *Shared) Get(vmID, key string) ([]byte, bool) {
	entry := s.data[sharedKey{vmID, key}]
	if entry == nil {
		return nil, false
	}
	return entry.value, true
}

func getSharedData(vm *VM, a arguments) Status {
	key, ok := vm.readString(a, 0)
	if !ok {
		return StatusInvalidMemoryAccess
	}
	entry := vm.proxy.Shared.data[sharedKey{vm.config.ID, key}]
	if entry == nil {
		vm.unmodelledUse(UseSharedData, key)
		return StatusNotFound
	}
	if status := vm.give(entry.value, a.u32(2), a.u32(3)); status != StatusOK {
		return status
	}
	return vm.put32(a.u32(4), entry.cas)
}

// setSharedData compares the version only where there is data and the version is not 0.
func setSharedData(vm *VM, a arguments) Status {
	texts, ok := vm.readAll(a, 0, 2)
	if !ok {
		return StatusInvalidMemoryAccess
	}
	shared, key, cas := vm.proxy.Shared, sharedKey{vm.config.ID, texts[0]}, a.u32(4)
	cost, before := entryCost+len(texts[0])+len(texts[1]), 0
	if entry := shared.data[key]; entry != nil {
		if cas != 0 && cas != entry.cas {
			return StatusCasMismatch
		}
		before = entry.held
	}
	vm.holdShared(cost - before)
	shared.set(key, []byte(texts[1]), cost)
	return StatusOK
}

func registerQueue(vm *VM, a arguments) Status {
	name, ok := vm.readString(a, 0)
	if !ok {
		return StatusInvalidMemoryAccess
	}
	shared, key := vm.proxy.Shared, sharedKey{vm.config.ID, name}
	token := shared.tokens[key]
	if token == 0 {
		vm.holdShared(entryCost + len(name))
		shared.token++
		token = shared.token
		shared.tokens[key], shared.queues[token] = token, &queue{}
	}
	q := shared.queues[token]
	q.vm, q.root = vm, vm.scope().root()
	return vm.put32(a.u32(2), token)
}

func resolveQueue(vm *VM, a arguments) Status {
	texts, ok := vm.readAll(a, 0, 2)
	if !ok {
		return StatusInvalidMemoryAccess
	}
	if texts[0] == "" {
		texts[0] = vm.config.ID
	} else {
		vm.usedNames = true // it may be the id, or another
	}
	token := vm.proxy.Shared.tokens[sharedKey{texts[0], texts[1]}]
	if token == 0 {
		vm.unmodelledUse(UseSharedQueue, texts[1])
		return StatusNotFound
	}
	return vm.put32(a.u32(4), token)
}

// queue returns a queue by its token, nil if there is none: another filter might have registered it.
func (vm *VM) queue(token uint32) *queue {
	q := vm.proxy.Shared.queues[token]
	if q == nil {
		vm.unmodelledUse(UseSharedQueue, decimal(token))
	}
	return q
}

func dequeue(vm *VM, a arguments) Status {
	q := vm.queue(a.u32(0))
	if q == nil {
		return StatusNotFound
	}
	if len(q.items) == 0 {
		return StatusEmpty
	}
	item := q.items[0]
	q.items = q.items[1:]
	vm.holdShared(-entryCost - len(item))
	return vm.give(item, a.u32(1), a.u32(2))
}

func enqueue(vm *VM, a arguments) Status {
	data, ok := vm.read(a, 1)
	if !ok {
		return StatusInvalidMemoryAccess
	}
	q := vm.queue(a.u32(0))
	if q == nil {
		return StatusNotFound
	}
	vm.holdShared(entryCost + len(data))
	q.items = append(q.items, append([]byte(nil), data...))
	if q.vm != nil {
		q.ready++
	}
	return StatusOK
}

// holdShared is hold for what belongs to all that share.
func (vm *VM) holdShared(bytes int) {
	if vm.proxy.Shared.held+bytes > vm.limits.Held {
		panic(limitReached(LimitHeld))
	}
	vm.proxy.Shared.held += bytes
}

// Dispatch calls proxy_on_queue_ready for what was enqueued until now, as Envoy does once it is done with what it does at
// present. All methods that call the filter end with it. What the filter enqueues then waits for the next.
func (vm *VM) Dispatch(ctx context.Context) error {
	shared := vm.proxy.Shared
	if len(shared.queues) == 0 {
		return nil
	}
	for _, token := range slices.Sorted(maps.Keys(shared.queues)) {
		q := shared.queues[token]
		if q == nil || q.vm != vm {
			continue
		}
		ready := q.ready
		q.ready = 0
		for range ready {
			if vm.scopes[q.root.id] != q.root {
				break
			}
			if _, err := vm.callIfAny(ctx, q.root, "proxy_on_queue_ready", uint64(q.root.id), uint64(token)); err != nil {
				return err
			}
		}
	}
	return nil
}
