package webhook

import (
	"context"
	"net/http"
	"time"
)

const (
	// defaultCallTimeout is the API server's own default for a webhook.
	defaultCallTimeout = 10 * time.Second
	// answerReserve is kept back to bring the answer to the API server.
	answerReserve = 500 * time.Millisecond
	// generateTimeout bounds the calls to the API server that generation makes.
	generateTimeout = 2 * time.Second
)

type callTimeoutKey struct{}

// withCallTimeout keeps how long the API server will wait, which it says in the
// query of its call.
func withCallTimeout(ctx context.Context, r *http.Request) context.Context {
	timeout, err := time.ParseDuration(r.URL.Query().Get("timeout"))
	if err != nil || timeout <= answerReserve || timeout > 3*defaultCallTimeout {
		return ctx
	}
	return context.WithValue(ctx, callTimeoutKey{}, timeout)
}

// detached returns a context that ends in time for an answer, and not before: the
// context of a request ends with the manager, in the middle of requests that a
// rolling restart should finish.
func detached(ctx context.Context) (context.Context, context.CancelFunc) {
	timeout, ok := ctx.Value(callTimeoutKey{}).(time.Duration)
	if !ok {
		timeout = defaultCallTimeout
	}
	return context.WithTimeout(context.WithoutCancel(ctx), timeout-answerReserve)
}

// withBudget bounds the wait for a module, such that time is left to generate.
func withBudget(ctx context.Context, budget time.Duration) (context.Context, context.CancelFunc) {
	if deadline, ok := ctx.Deadline(); ok {
		remaining := time.Until(deadline)
		budget = min(budget, max(remaining/2, remaining-generateTimeout))
	}
	return context.WithTimeout(ctx, budget)
}
