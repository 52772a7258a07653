// SPDX-License-Identifier: Apache-2.0

package host

import (
	"testing"

	"github.com/autowasm/autowasm/fetch/module/wasmtest"
)

// sharing starts a VM of an id, which sets data and a queue with an item.
func sharing(t *testing.T, shared *Shared, id string) *guest {
	t.Helper()
	g := newGuest(t, relay("0.2.1"), VMConfig{ID: id, Proxy: Proxy{Shared: shared}})
	g.plugin(PluginConfig{})
	g.want("set", g.call("proxy_set_shared_data", "key", "value", 0), StatusOK)
	g.want("register", g.call("proxy_register_shared_queue", "queue", result(7)), StatusOK)
	g.want("enqueue", g.call("proxy_enqueue_shared_queue", int(g.number(7)), "item"), StatusOK)
	return g
}

// Data and queues of an id go with the last VM of it, and a queue keeps no VM that is closed.
func TestSharedEndsWithTheLastVM(t *testing.T) {
	shared := NewShared()
	other := sharing(t, shared, "other")
	held := shared.held
	first, second := sharing(t, shared, "vm"), sharing(t, shared, "vm")
	shared.Set("vm", "key", []byte("of the caller"))
	for _, vm := range []*VM{second.vm, second.vm} { // a second Close does nothing
		if err := vm.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if _, ok := shared.Get("vm", "key"); !ok || len(shared.queues) != 2 {
		t.Fatalf("with one VM of two: data %t, %d queues", ok, len(shared.queues))
	}
	token := int(first.number(7))
	if q := shared.queues[uint32(token)]; q.vm != nil || q.root != nil {
		t.Error("a queue keeps a closed VM")
	}
	first.want("enqueue to nobody", first.call("proxy_enqueue_shared_queue", token, "later"), StatusOK)
	first.want("dequeue", first.call("proxy_dequeue_shared_queue", token, result(0), result(1)), StatusOK)
	if err := first.vm.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, ok := shared.Get("vm", "key"); ok || len(shared.queues) != 1 || len(shared.tokens) != 1 || shared.held != held {
		t.Errorf("without a VM: data %t, %d queues, %d names, %d bytes", ok, len(shared.queues), len(shared.tokens), shared.held)
	}
	other.want("enqueue to none", other.call("proxy_enqueue_shared_queue", token, "x"), StatusNotFound)
	if value, ok := shared.Get("other", "key"); !ok || string(value) != "value" {
		t.Error("data of another id are gone")
	}
	again := sharing(t, shared, "vm")
	if int(again.number(7)) == token {
		t.Error("a new queue has the token of one that is gone")
	}
}

// What the caller set stays where no VM starts, and is not what the filter holds.
func TestSharedOfTheCaller(t *testing.T) {
	shared := NewShared()
	shared.Set("vm", "key", make([]byte, 1000))
	m, err := Compile(t.Context(), wasmtest.Module(wasmtest.Function("_initialize", ":", trap...)), Interpreter)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Start(t.Context(), VMConfig{ID: "vm", Proxy: Proxy{Shared: shared}}); err == nil {
		t.Fatal("it starts")
	}
	if _, ok := shared.Get("vm", "key"); !ok || shared.held != 0 {
		t.Fatalf("data %t, %d bytes are held", ok, shared.held)
	}
	g := newGuest(t, relay("0.2.1"), VMConfig{ID: "vm", Proxy: Proxy{Shared: shared}, Limits: Limits{Held: 100}})
	g.want("set", g.call("proxy_set_shared_data", "key", "value", 0), StatusOK)
	if want := entryCost + len("key") + len("value"); shared.held != want {
		t.Errorf("%d bytes are held, want %d", shared.held, want)
	}
	if _, err := g.try("proxy_set_shared_data", "other", "value", 0); limitOf(err) != LimitHeld {
		t.Errorf("beyond the limit: %v", err)
	}
}
