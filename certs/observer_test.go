// SPDX-License-Identifier: Apache-2.0

package certs

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

// observed is an observer of configurations in memory.
type observed struct {
	*observer
	client *fake.Clientset
}

// startObserver runs within a synctest bubble, until the test ends, with both configurations.
func startObserver(t *testing.T, annotations map[string]string, called admissionv1.WebhookClientConfig, prepare ...func(*fake.Clientset)) observed {
	meta := metav1.ObjectMeta{Name: "wasmer", Annotations: annotations}
	client := fake.NewClientset(
		&admissionv1.MutatingWebhookConfiguration{ObjectMeta: meta, Webhooks: []admissionv1.MutatingWebhook{{Name: "m", ClientConfig: called}}},
		&admissionv1.ValidatingWebhookConfiguration{ObjectMeta: meta, Webhooks: []admissionv1.ValidatingWebhook{{Name: "v", ClientConfig: called}}},
	)
	for _, p := range prepare {
		p(client)
	}
	o := observed{newObserver(client, "wasmer", &trustAnchors{}), client}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- o.start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("start: %v", err)
		}
	})
	o.settle()
	return o
}

func (o observed) settle() {
	time.Sleep(time.Second)
	synctest.Wait()
}

// inject writes the caBundle of one webhook.
func (o observed) inject(t *testing.T, webhook string, bundle []byte) {
	t.Helper()
	patch, err := json.Marshal(map[string]any{"webhooks": []webhookPatch{{Name: webhook, ClientConfig: clientPatch{CABundle: bundle}}}})
	if err != nil {
		t.Fatal(err)
	}
	configurations := o.client.AdmissionregistrationV1()
	if webhook == "m" {
		_, err = configurations.MutatingWebhookConfigurations().Patch(t.Context(), "wasmer", types.StrategicMergePatchType, patch, metav1.PatchOptions{})
	} else {
		_, err = configurations.ValidatingWebhookConfigurations().Patch(t.Context(), "wasmer", types.StrategicMergePatchType, patch, metav1.PatchOptions{})
	}
	if err != nil {
		t.Fatal(err)
	}
	o.settle()
}

var injected = map[string]string{"cert-manager.io/inject-ca-from": "istio-system/wasmer-webhook"}

// leafFor is a certificate of authority for the Service of the webhooks.
func leafFor(t *testing.T, authority ca, names ...string) []*x509.Certificate {
	t.Helper()
	key, template := newKey(t), leafTemplate(time.Hour)
	template.DNSNames = names
	return []*x509.Certificate{sign(t, template, authority.certificate, &key.PublicKey, authority.key)}
}

// TestObserverFollowsTheBundles: ready is what both configurations trust, and no sooner.
func TestObserverFollowsTheBundles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		authority := newCA(t, 24*time.Hour)
		chain := leafFor(t, authority, serviceName)
		o := startObserver(t, injected, service(nil))
		for _, webhook := range []string{"m", "v"} {
			if err := o.refuses(chain, time.Now()); err == nil || !strings.Contains(err.Error(), "does cert-manager's cainjector run") {
				t.Errorf("before the caBundle of %s: %v", webhook, err)
			}
			o.inject(t, webhook, authority.pem())
		}
		if err := o.refuses(chain, time.Now()); err != nil {
			t.Errorf("trusted by both: %v", err)
		}
		if got := o.trust.expiryFor(chain); !got.Equal(authority.certificate.NotAfter) {
			t.Errorf("the authority expires at %s, want %s", got, authority.certificate.NotAfter)
		}
		o.inject(t, "v", newCA(t, time.Hour).pem())
		if err := o.refuses(chain, time.Now()); err == nil || !o.trust.expiryFor(chain).IsZero() {
			t.Errorf("with somebody else's caBundle: %v, trusted until %s", err, o.trust.expiryFor(chain))
		}
	})
}

// TestObserverNames: a certificate for another name is refused by the name.
func TestObserverNames(t *testing.T) {
	url := at("https://wasmer.example:9443/validate-autowasm", nil)
	tests := map[string]struct {
		called    admissionv1.WebhookClientConfig
		certified string
		want      string
	}{
		"the Service":   {service(nil), serviceName, ""},
		"another":       {service(nil), "wasmer.istio-system.svc", "valid for wasmer.istio-system.svc, not " + serviceName},
		"a URL":         {url, "wasmer.example", ""},
		"another's URL": {url, serviceName, "not wasmer.example"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				authority := newCA(t, 24*time.Hour)
				tt.called.CABundle = authority.pem()
				o := startObserver(t, nil, tt.called)
				err := o.refuses(leafFor(t, authority, tt.certified), time.Now())
				if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
					t.Errorf("got %v, want %q", err, tt.want)
				}
			})
		})
	}
}

// TestObserverOfSystemRoots: a caBundle that nobody writes is empty where the API server trusts its system's authorities.
func TestObserverOfSystemRoots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := startObserver(t, nil, service(nil))
		if err := o.refuses(leafFor(t, newCA(t, time.Hour), serviceName), time.Now()); err != nil {
			t.Errorf("got %v", err)
		}
	})
}

// TestObserverMayNotRead: without the permission, as with a ClusterRole of one's own, no certificate waits; once it is
// granted, they do.
func TestObserverMayNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var granted atomic.Bool
		forbid := func(client *fake.Clientset) {
			client.PrependReactor("list", "*", func(action clienttesting.Action) (bool, runtime.Object, error) {
				return !granted.Load(), nil, apierrors.NewForbidden(action.GetResource().GroupResource(), "", errors.New("not allowed"))
			})
		}
		o := startObserver(t, injected, service(nil), forbid)
		chain := leafFor(t, newCA(t, 24*time.Hour), serviceName)
		if err := o.refuses(chain, time.Now()); err != nil {
			t.Errorf("got %v", err)
		}
		granted.Store(true)
		time.Sleep(resync)
		o.settle()
		if err := o.refuses(chain, time.Now()); err == nil {
			t.Error("accepted, though the configurations are readable and trust nobody")
		}
	})
}

// TestVerifiesIntermediates: the authority in the caBundle need not be the one that signed the certificate.
func TestVerifiesIntermediates(t *testing.T) {
	root := newCA(t, 24*time.Hour)
	key, template := newKey(t), leafTemplate(time.Hour)
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	intermediate := ca{sign(t, template, root.certificate, &key.PublicKey, root.key), key}
	chain := append(leafFor(t, intermediate, serviceName), intermediate.certificate)
	if !verifies(root.certificate, chain) || verifies(root.certificate, chain[:1]) {
		t.Errorf("with the intermediate %t, without %t", verifies(root.certificate, chain), verifies(root.certificate, chain[:1]))
	}
}
