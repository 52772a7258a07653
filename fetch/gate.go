package fetch

import (
	"context"
	"sync"
)

// gate lets a limited number of callers in at once, and of each host at most half
// of them: a host that does not answer keeps nobody from the others.
type gate struct {
	slots   chan struct{}
	perHost int

	mu    sync.Mutex
	hosts map[string]*hostSlots
}

// hostSlots exists while somebody is at the gate for its host.
type hostSlots struct {
	slots chan struct{}
	users int
}

func newGate(size int) *gate {
	return &gate{
		slots:   make(chan struct{}, size),
		perHost: max(1, size/2),
		hosts:   map[string]*hostSlots{},
	}
}

// enter waits for a slot and returns what gives it back; or the context's error.
func (g *gate) enter(ctx context.Context, host string) (leave func(), err error) {
	own := g.queue(host)
	if err := take(ctx, own.slots); err != nil {
		g.unqueue(host, own)
		return nil, err
	}
	if err := take(ctx, g.slots); err != nil {
		<-own.slots
		g.unqueue(host, own)
		return nil, err
	}
	return func() {
		<-g.slots
		<-own.slots
		g.unqueue(host, own)
	}, nil
}

func take(ctx context.Context, slots chan struct{}) error {
	select {
	case slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (g *gate) queue(host string) *hostSlots {
	g.mu.Lock()
	defer g.mu.Unlock()
	h := g.hosts[host]
	if h == nil {
		h = &hostSlots{slots: make(chan struct{}, g.perHost)}
		g.hosts[host] = h
	}
	h.users++
	return h
}

func (g *gate) unqueue(host string, h *hostSlots) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if h.users--; h.users == 0 {
		delete(g.hosts, host)
	}
}
