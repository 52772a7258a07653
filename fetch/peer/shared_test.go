// SPDX-License-Identifier: Apache-2.0

package peer_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/autowasm/autowasm/fetch/peer"
)

const someSource = "reg.example/x@sha256:1"

var (
	sharedName = types.NamespacedName{Namespace: "istio-system", Name: "wasmer-modules"}
	someModule = strings.Repeat("a", 64)
)

// withSecret is an API server that has the Secret, empty.
func withSecret(t *testing.T) client.WithWatch {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	secret := &corev1.Secret{}
	secret.Namespace, secret.Name = sharedName.Namespace, sharedName.Name
	return fake.NewClientBuilder().WithScheme(scheme).WithObjects(secret).Build()
}

// sharedBy is a replica's view.
func sharedBy(replica string, c client.WithWatch) *peer.Shared {
	return &peer.Shared{Reader: c, Writer: c, Secret: sharedName, Replica: replica}
}

// claims expects what Claim returns, and how long it takes.
func claims(t *testing.T, s *peer.Shared, want string, wait time.Duration) {
	t.Helper()
	began := time.Now()
	if got := s.Claim(t.Context(), someSource); got != want {
		t.Errorf("Claim = %q, want %q", got, want)
	}
	if took := time.Since(began).Round(time.Second); took != wait {
		t.Errorf("Claim took %s, want %s", took, wait)
	}
}

func TestClaim(t *testing.T) {
	tests := []struct {
		name   string
		before func(ctx context.Context, other *peer.Shared)
		want   string
		wait   time.Duration
	}{
		{"nobody has it", func(context.Context, *peer.Shared) {}, "", 0},
		{"another replica has it", func(ctx context.Context, other *peer.Shared) { other.Settle(ctx, someSource, someModule) }, someModule, 0},
		{"another replica has another source's", func(ctx context.Context, other *peer.Shared) { other.Settle(ctx, "other", someModule) }, "", 0},
		{"another replica is downloading it", func(ctx context.Context, other *peer.Shared) {
			other.Claim(ctx, someSource)
			time.AfterFunc(3*time.Second, func() { other.Settle(ctx, someSource, someModule) })
		}, someModule, 3 * time.Second},
		{"another replica fails to download it", func(ctx context.Context, other *peer.Shared) {
			other.Claim(ctx, someSource)
			time.AfterFunc(3*time.Second, func() { other.Settle(ctx, someSource, "") })
		}, "", 3 * time.Second},
		{"another replica takes long", func(ctx context.Context, other *peer.Shared) { other.Claim(ctx, someSource) }, "", 10 * time.Second},
		{"another replica ended in the middle", func(ctx context.Context, other *peer.Shared) {
			other.Claim(ctx, someSource)
			time.Sleep(28 * time.Second)
		}, "", 2 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := withSecret(t)
				tt.before(t.Context(), sharedBy("other", c))
				claims(t, sharedBy("own", c), tt.want, tt.wait)
			})
		})
	}
}

// A replica does not wait for itself: what it had begun ended with the process.
func TestClaimOfARestartedReplica(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := sharedBy("own", withSecret(t))
		claims(t, s, "", 0)
		claims(t, s, "", 0)
	})
}

// Without the API server, or without the Secret, each replica downloads for itself.
func TestClaimWithoutTheSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := withSecret(t)
		away := interceptor.NewClient(c, interceptor.Funcs{
			Get: func(ctx context.Context, _ client.WithWatch, _ client.ObjectKey, _ client.Object, _ ...client.GetOption) error {
				<-ctx.Done()
				return ctx.Err()
			},
			Patch: func(context.Context, client.WithWatch, client.Object, client.Patch, ...client.PatchOption) error {
				return errors.New("the API server is away")
			},
		})
		sharedBy("other", c).Settle(t.Context(), someSource, someModule)
		claims(t, sharedBy("own", away), "", time.Second)
		sharedBy("own", away).Settle(t.Context(), someSource, someModule)

		s := sharedBy("own", c)
		s.Secret.Name = "absent"
		claims(t, s, "", 0)
		s.Settle(t.Context(), someSource, someModule)
	})
}

// What somebody wrote into the Secret that is no module's hash, or nothing at all, is not used.
func TestClaimOfWhatCannotBeRead(t *testing.T) {
	for _, data := range []string{"no JSON", `{"sha256": "../../etc"}`, `[]`} {
		c := withSecret(t)
		sharedBy("other", c).Settle(t.Context(), someSource, someModule)
		var secret corev1.Secret
		if err := c.Get(t.Context(), sharedName, &secret); err != nil {
			t.Fatal(err)
		}
		for key := range secret.Data {
			secret.Data[key] = []byte(data)
		}
		if err := c.Update(t.Context(), &secret); err != nil {
			t.Fatal(err)
		}
		claims(t, sharedBy("own", c), "", 0)
	}
}

// The Secret keeps the latest 256 sources, so that it never outgrows what the API server stores.
func TestSharedIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := withSecret(t)
		s := sharedBy("own", c)
		for n := range 300 {
			s.Settle(t.Context(), fmt.Sprint(n), someModule)
			time.Sleep(time.Millisecond)
		}
		var secret corev1.Secret
		if err := c.Get(t.Context(), sharedName, &secret); err != nil {
			t.Fatal(err)
		}
		if got := len(secret.Data); got != 256 {
			t.Errorf("%d sources are kept", got)
		}
		for source, want := range map[string]string{"43": "", "44": someModule, "299": someModule} {
			if got := s.Claim(t.Context(), source); got != want {
				t.Errorf("source %s has %q, want %q", source, got, want)
			}
		}
	})
}
