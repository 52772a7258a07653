// SPDX-License-Identifier: Apache-2.0

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

func TestRetryAfterIsObeyed(t *testing.T) {
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

func TestRetryAfterIsBounded(t *testing.T) {
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

// A host that rate limits is not asked under any of its names.
func TestSpellingsOfAHost(t *testing.T) {
	object := func(url string) source.Request {
		return source.Request{Namespace: "ns", Source: v1alpha1.Source{Object: &v1alpha1.ObjectSource{URL: url}}}
	}
	hub := image("team/x:v1")
	tests := []struct {
		name       string
		one, other source.Request
		same       bool
	}{
		{"Docker Hub", hub, image("docker.io/team/y:v1"), true},
		{"Docker Hub's library", hub, image("x"), true},
		{"Docker Hub as clients name it", hub, image("index.docker.io/team/y:v1"), true},
		{"Docker Hub in capitals", hub, image("Docker.IO/team/y:v1"), true},
		{"this machine", hub, image("localhost/y:v1"), false},
		{"another registry", hub, image("ghcr.io/team/x:v1"), false},
		{"a registry in capitals", image("reg.example/x:v1"), image("Reg.Example/y:v1"), true},
		{"a registry's port", image("reg.example/x:v1"), image("reg.example:443/y:v1"), true},
		{"another port", image("reg.example/x:v1"), image("reg.example:5000/y:v1"), false},
		{"an object's host in capitals", object("https://b.example/x"), object("https://B.Example/y"), true},
		{"an object's port", object("https://b.example/x"), object("https://b.example:443/y"), true},
		{"an object's plain port", object("http://b.example/x"), object("http://b.example:80/y"), true},
		{"an object's other port", object("https://b.example/x"), object("https://b.example:80/y"), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				f.onResolve = limited(time.Minute)
				f.refused(tt.one, v1alpha1.ReasonRateLimited, false)
				f.onResolve = nil
				if tt.same {
					f.refused(tt.other, v1alpha1.ReasonRateLimited, false)
				} else {
					f.refused(tt.other, v1alpha1.ReasonNotFound, true)
				}
			})
		})
	}
}
