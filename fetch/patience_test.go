package fetch_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/source"
	"github.com/autowasm/autowasm/internal/failure"
)

func limited(after time.Duration) func(context.Context, source.Request) error {
	return func(_ context.Context, r source.Request) error {
		if repository(r) == "calm.example/x" {
			return nil
		}
		err := failure.Transientf(v1alpha1.ReasonRateLimited, "429")
		err.RetryAfter = after
		return err
	}
}

func TestAHostIsLeftAloneForAsLongAsItAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.modules["reg.example/y"], f.modules["calm.example/x"] = moduleX, moduleX
		f.onResolve = limited(time.Minute)
		f.refused(image(x), v1alpha1.ReasonRateLimited, false)
		f.expect(1, 0)

		f.onResolve = nil
		time.Sleep(20 * time.Second)
		for _, reference := range []string{x, "reg.example/y:v1"} {
			if err := f.refused(image(reference), v1alpha1.ReasonRateLimited, false); err.RetryAfter != 40*time.Second {
				t.Errorf("%s: retry after %s", reference, err.RetryAfter)
			}
		}
		f.expect(1, 0)
		f.ensure(image("calm.example/x:v1"))
		f.ensure(image(x, as("ns", "own-account")))

		time.Sleep(40 * time.Second)
		f.ensure(image(x))
	})
}

func TestPatienceHasAnEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.onResolve = limited(1000 * time.Hour)
		f.refused(image(x), v1alpha1.ReasonRateLimited, false)
		f.onResolve = nil
		time.Sleep(time.Hour)
		f.ensure(image(x))
	})
}

func TestALimitOfUnknownLengthIsNotRemembered(t *testing.T) {
	f := newFixture(t)
	f.onResolve = limited(0)
	f.refused(image(x), v1alpha1.ReasonRateLimited, false)
	f.onResolve = nil
	f.ensure(image(x))
}
