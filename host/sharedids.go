// SPDX-License-Identifier: Apache-2.0

package host

// join takes up a VM of an id, until it leaves.
func (s *Shared) join(vm *VM) { s.vms[vm.config.ID]++ }

// leave lets go of a VM that is closed, and drops what belongs to its id if it was the last, as VmIdHandle in vm_id_handle.cc of
// proxy-wasm-cpp-host does.
func (s *Shared) leave(vm *VM) {
	for _, q := range s.queues {
		if q.vm == vm {
			q.vm, q.root, q.ready = nil, nil, 0
		}
	}
	id := vm.config.ID
	if s.vms[id]--; s.vms[id] <= 0 {
		delete(s.vms, id)
		s.drop(id)
	}
}

// drop drops the data and the queues of an id. Their tokens are not used again.
func (s *Shared) drop(vmID string) {
	for key, entry := range s.data {
		if key.vmID == vmID {
			s.held -= entry.held
			delete(s.data, key)
		}
	}
	for key, token := range s.tokens {
		if key.vmID == vmID {
			s.held -= s.queues[token].cost(key.name)
			delete(s.queues, token)
			delete(s.tokens, key)
		}
	}
}

// cost is what a queue of a name is held with.
func (q *queue) cost(name string) int {
	cost := entryCost + len(name)
	for _, item := range q.items {
		cost += entryCost + len(item)
	}
	return cost
}
