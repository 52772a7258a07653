// SPDX-License-Identifier: Apache-2.0

package suite

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	istiov1alpha3 "istio.io/client-go/pkg/apis/networking/v1alpha3"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/autowasm/autowasm/e2e/env"
)

// Apply applies a manifest as a user would and returns what kubectl printed.
func (c *Cluster) Apply(t testing.TB, namespace, manifest string, args ...string) env.Output {
	t.Helper()
	out, err := c.TryApply(t, namespace, manifest, args...)
	if err != nil {
		t.Fatalf("%v\nthe manifest:\n%s", err, manifest)
	}
	return out
}

// TryApply is Apply for a manifest that may be refused.
func (c *Cluster) TryApply(t testing.TB, namespace, manifest string, args ...string) (env.Output, error) {
	t.Helper()
	return c.KubectlInput(t.Context(), manifest, append([]string{"apply", "-n", namespace, "-f", "-"}, args...)...)
}

// Refused applies a manifest, fails the test unless it is refused, and returns
// the reason as the user reads it.
func (c *Cluster) Refused(t testing.TB, namespace, manifest string, words ...string) string {
	t.Helper()
	out, err := c.TryApply(t, namespace, manifest)
	if err == nil {
		t.Fatalf("applied, but must be refused:\n%s\nkubectl printed: %s%s", manifest, out.Stdout, out.Stderr)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("the refusal does not say %q:\n%s", word, err)
		}
	}
	return err.Error()
}

// EnvoyFilter reads an EnvoyFilter.
func (c *Cluster) EnvoyFilter(ctx context.Context, namespace, name string) (*istiov1alpha3.EnvoyFilter, error) {
	ef := &istiov1alpha3.EnvoyFilter{}
	err := c.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, ef)
	return ef, err
}

// WaitGone waits until an EnvoyFilter does not exist.
func (c *Cluster) WaitGone(t testing.TB, namespace, name string) {
	t.Helper()
	Eventually(t, func(ctx context.Context) error {
		_, err := c.EnvoyFilter(ctx, namespace, name)
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("EnvoyFilter %s/%s is still there (%v)", namespace, name, err)
	})
}

// Served gets a module from wasmer as a proxy would and returns the status code
// and the sha256 of the body.
func (c *Cluster) Served(ctx context.Context, sha256Hex string) (int, string, error) {
	return get(ctx, c.Wasmer().URL+"/wasm/"+sha256Hex)
}

// RequireServed fails the test unless a replica serves a module at this moment.
func RequireServed(t testing.TB, base, sha256Hex string) {
	t.Helper()
	status, got, err := get(t.Context(), base+"/wasm/"+sha256Hex)
	if err != nil || status != http.StatusOK || got != sha256Hex {
		t.Fatalf("GET %s/wasm/%s answered %d with sha256 %s (%v)", base, sha256Hex, status, got, err)
	}
}

// RequireStatus fails the test unless a replica answers with a status code.
func RequireStatus(t testing.TB, base, sha256Hex string, want int) {
	t.Helper()
	status, _, err := get(t.Context(), base+"/wasm/"+sha256Hex)
	if err != nil || status != want {
		t.Fatalf("GET %s/wasm/%s answered %d (%v), want %d", base, sha256Hex, status, err, want)
	}
}

func get(ctx context.Context, url string) (int, string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, "", fmt.Errorf("make a request for %s: %w", url, err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", fmt.Errorf("get %s: %w", url, err)
	}
	defer response.Body.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, response.Body); err != nil {
		return response.StatusCode, "", fmt.Errorf("read %s: %w", url, err)
	}
	return response.StatusCode, hex.EncodeToString(hash.Sum(nil)), nil
}

// SHA256 is the name of a module.
func SHA256(module []byte) string {
	sum := sha256.Sum256(module)
	return hex.EncodeToString(sum[:])
}
