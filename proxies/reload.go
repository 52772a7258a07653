package proxies

import "time"

// How soon proxies that gave up are made to load the module again, after they were made
// to before. Every reload disturbs those that run well a little: they take the same
// filter under another name.
const (
	firstReload = 20 * time.Second
	lastReload  = 10 * time.Minute
)

// backoff is when the proxies of an AutoWasm may be made to load its module again. Its
// zero value is: at once.
type backoff struct {
	next  time.Time
	delay time.Duration
}

func (b backoff) due(now time.Time) bool { return !now.Before(b.next) }

// after is the backoff after a reload: the delay doubles from time to time.
func (b backoff) after(now time.Time) backoff {
	delay := min(max(2*b.delay, firstReload), lastReload)
	return backoff{next: now.Add(delay), delay: delay}
}
