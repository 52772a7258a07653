package controller

import (
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// How soon proxies that gave up are told to load again, after they were told before.
// Every telling disturbs those that run well a little: they take the same filter anew.
const (
	firstReload = 20 * time.Second
	lastReload  = 10 * time.Minute
)

// reloads remembers when the proxies of an AutoWasm may be told again to load its
// module. It has entries only for those that were told.
type reloads map[types.NamespacedName]reload

type reload struct {
	next  time.Time
	delay time.Duration
}

func (r reloads) due(key types.NamespacedName, now time.Time) bool { return !now.Before(r[key].next) }

// take is due, and not again before the delay, which doubles from time to time.
func (r reloads) take(key types.NamespacedName, now time.Time) bool {
	if !r.due(key, now) {
		return false
	}
	delay := min(max(2*r[key].delay, firstReload), lastReload)
	r[key] = reload{next: now.Add(delay), delay: delay}
	return true
}

func (r reloads) forget(key types.NamespacedName) { delete(r, key) }
