// SPDX-License-Identifier: Apache-2.0

package certs

import (
	"bytes"
	"crypto/tls"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"
)

func TestFirstStartConverges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startReplica(t, 24*time.Hour)
		if err := r.Healthy(); err == nil {
			t.Error("healthy before it started")
		}
		r.settle(10 * time.Second)
		if err := r.Healthy(); err != nil {
			t.Errorf("unhealthy: %v", err)
		}
		if err := r.call(r.bundles()); err != nil {
			t.Errorf("call: %v", err)
		}
		if n := r.writes(); n != 2 {
			t.Errorf("%d writes, want one for each configuration", n)
		}
		r.settle(3 * time.Hour)
		if n := r.writes(); n != 2 {
			t.Errorf("%d writes after hours of nothing, want 2", n)
		}
	})
}

// TestTheSecretHasTheLabelsOfTheManifests, also when it was deleted and is made anew: helm upgrade would be refused otherwise.
func TestTheSecretHasTheLabelsOfTheManifests(t *testing.T) {
	for document := range strings.SplitSeq(readFile(t, "../manifests/workload/state.yaml"), "\n---\n") {
		var declared corev1.Secret
		if err := yaml.Unmarshal([]byte(document), &declared); err != nil {
			t.Fatal(err)
		}
		if declared.Name != secretName {
			continue
		}
		if diff := cmp.Diff(declared.Labels, newAuthority(Options{}).SecretLabels); diff != "" {
			t.Errorf("(-manifests +made):\n%s", diff)
		}
		return
	}
	t.Errorf("the manifests do not declare %s", secretName)
}

// TestAnEmptySecretIsFilled: the manifests declare it without an authority, which is yet to come and no failure.
func TestAnEmptySecretIsFilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startReplica(t, 24*time.Hour, func(r *replica) {
			secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "istio-system", Name: secretName}}
			if _, err := r.client.CoreV1().Secrets("istio-system").Create(t.Context(), secret, metav1.CreateOptions{}); err != nil {
				t.Fatal(err)
			}
			r.authority.delay = time.Minute
		})
		r.settle(time.Second)
		if err := r.injector.lastError(); !apierrors.IsNotFound(err) {
			t.Errorf("without an authority: %v", err)
		}
		r.settle(2 * time.Minute)
		if err := r.call(r.bundles()); err != nil {
			t.Errorf("call: %v", err)
		}
	})
}

// TestRotationFailsNoRequest calls the replica ten times a second through two
// rotations, trusting the caBundle that the API server had seconds before.
func TestRotationFailsNoRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startReplica(t, 24*time.Hour)
		r.settle(time.Minute)
		known := r.bundles()
		for range 2 {
			next := r.authority.rotate(t.Context())
			var observed [][2][]byte
			for tick := range 300 {
				r.settle(100 * time.Millisecond)
				observed = append(observed, r.bundles())
				if lag := tick - 30; lag >= 0 {
					known = observed[lag]
				}
				if err := r.call(known); err != nil {
					t.Fatalf("%d ms after the rotation: %v", tick*100, err)
				}
			}
			if leaf, _ := leafOf(r.GetCertificate, time.Now()); leaf.CheckSignatureFrom(next.certificate) != nil {
				t.Error("the new authority is not in service")
			}
		}
		if n := len(parseBundle(known[0])); n != 3 {
			t.Errorf("%d authorities in the bundle, want 3", n)
		}
	})
}

// TestEmptiedBundleIsRestored: the configuration is replaced by the manifest, which has
// no caBundle.
func TestEmptiedBundleIsRestored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startReplica(t, 24*time.Hour)
		r.settle(10 * time.Second)
		before := r.bundles()
		empty := []byte(`{"webhooks":[{"name":"v","clientConfig":{"caBundle":null}}]}`)
		if _, err := r.client.AdmissionregistrationV1().ValidatingWebhookConfigurations().Patch(t.Context(), "wasmer", types.StrategicMergePatchType, empty, metav1.PatchOptions{}); err != nil {
			t.Fatal(err)
		}
		if len(r.bundles()[1]) != 0 {
			t.Fatal("not emptied")
		}
		if err := r.Healthy(); err != nil {
			t.Errorf("unhealthy while it is restored: %v", err)
		}
		r.settle(time.Second)
		if diff := cmp.Diff(before, r.bundles()); diff != "" {
			t.Errorf("not restored (-before +after):\n%s", diff)
		}
	})
}

func TestUnwritableFromTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startReplica(t, 24*time.Hour, func(r *replica) { r.forbidden.Store(true) })
		r.settle(time.Minute)
		err := r.Healthy()
		if err == nil || !strings.Contains(err.Error(), "write the caBundle of MutatingWebhookConfiguration wasmer: ") || !apierrors.IsForbidden(err) {
			t.Errorf("Healthy: %v", err)
		}
		if n := r.writes(); n < 3 || n > 20 {
			t.Errorf("%d attempts within a minute", n)
		}
	})
}

// TestUnwritableLater: no API server can trust the new authority, so the old certificate
// serves as long as it can, and the replica stays in the Service.
func TestUnwritableLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startReplica(t, time.Hour)
		r.settle(10 * time.Second)
		if err := r.Healthy(); err != nil {
			t.Fatalf("Healthy: %v", err)
		}
		r.forbidden.Store(true)
		next := r.authority.rotate(t.Context())
		r.settle(49 * time.Minute)
		if err := r.call(r.bundles()); err != nil {
			t.Errorf("the old certificate is gone: %v", err)
		}
		r.settle(2 * time.Minute)
		leaf, err := leafOf(r.GetCertificate, time.Now())
		if err != nil || leaf.CheckSignatureFrom(next.certificate) != nil {
			t.Errorf("the old certificate outlived itself: %v", err)
		}
		if err := r.Healthy(); err != nil {
			t.Errorf("left the Service: %v", err)
		}
	})
}

// TestExpiredLater: without an authority the certificate expires, and the replica serves modules all the same.
func TestExpiredLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startReplica(t, 5*time.Minute)
		r.settle(10 * time.Second)
		if err := r.Healthy(); err != nil {
			t.Fatalf("Healthy: %v", err)
		}
		r.authority.lose()
		r.settle(5 * time.Minute)
		if _, err := chainOf(r.GetCertificate, time.Now()); err == nil || !strings.Contains(err.Error(), "expired at") {
			t.Fatalf("the certificate: %v", err)
		}
		if err := r.Healthy(); err != nil {
			t.Errorf("left the Service: %v", err)
		}
	})
}

// TestConfigurationArrivesLate: it is served as soon as it appears, and its absence
// delays nothing.
func TestConfigurationArrivesLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var object *admissionv1.MutatingWebhookConfiguration
		r := startReplica(t, 24*time.Hour, func(r *replica) { object = r.removeMutating() })
		r.settle(10 * time.Second)
		if err := r.Healthy(); err != nil {
			t.Errorf("unhealthy: %v", err)
		}
		object.Webhooks[0].ClientConfig.CABundle = nil
		configurations := r.client.AdmissionregistrationV1().MutatingWebhookConfigurations()
		if _, err := configurations.Create(t.Context(), object, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		r.settle(time.Second)
		if bundles := r.bundles(); len(bundles[0]) == 0 || !bytes.Equal(bundles[0], bundles[1]) {
			t.Error("the configuration that arrived late has no caBundle")
		}
	})
}

// removeMutating deletes the MutatingWebhookConfiguration and returns it.
func (r *replica) removeMutating() *admissionv1.MutatingWebhookConfiguration {
	r.t.Helper()
	configurations := r.client.AdmissionregistrationV1().MutatingWebhookConfigurations()
	object, err := configurations.Get(r.t.Context(), "wasmer", metav1.GetOptions{})
	if err != nil {
		r.t.Fatal(err)
	}
	if err := configurations.Delete(r.t.Context(), "wasmer", metav1.DeleteOptions{}); err != nil {
		r.t.Fatal(err)
	}
	return object
}

// TestRenewal: the leaf changes before it expires, and the caBundle does not.
func TestRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startReplica(t, 24*time.Hour)
		r.settle(10 * time.Second)
		first, _ := leafOf(r.GetCertificate, time.Now())
		r.settle(17 * time.Hour)
		second, err := leafOf(r.GetCertificate, time.Now())
		if err != nil || first.Equal(second) {
			t.Errorf("not renewed: %v", err)
		}
		if n := r.writes(); n != 2 {
			t.Errorf("%d writes, want 2", n)
		}
	})
}

func TestNewRefuses(t *testing.T) {
	tests := map[string]struct {
		change func(*Options)
		want   string
	}{
		"no config":    {func(o *Options) { o.RESTConfig = nil }, "RESTConfig is not set"},
		"no namespace": {func(o *Options) { o.Namespace = "" }, "namespace of the Secret is not set"},
		"no name":      {func(o *Options) { o.DNSNames, o.IPs = nil, nil }, "neither a DNS name nor an IP address"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			o := testOptions
			test.change(&o)
			if _, err := New(o); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestNewCallsNothing(t *testing.T) {
	s, err := New(testOptions)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Healthy(); err == nil || !strings.Contains(err.Error(), "no serving certificate yet") {
		t.Errorf("Healthy: %v", err)
	}
	if _, err := s.GetCertificate(&tls.ClientHelloInfo{}); err == nil {
		t.Error("a certificate before Start")
	}
	if s.NeedLeaderElection() {
		t.Error("needs leader election")
	}
}

func TestServiceDNSNames(t *testing.T) {
	want := []string{"wasmer.ns.svc", "wasmer.ns.svc.cluster.local"}
	if diff := cmp.Diff(want, ServiceDNSNames("wasmer", "ns", "cluster.local")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
