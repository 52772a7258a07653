package certs

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"
	clienttesting "k8s.io/client-go/testing"
)

const serviceName = "wasmer-webhook.istio-system.svc"

var testOptions = Options{
	RESTConfig:                     &rest.Config{Host: "https://127.0.0.1:1"},
	Namespace:                      "istio-system",
	SecretName:                     DefaultSecretName,
	DNSNames:                       ServiceDNSNames("wasmer-webhook", "istio-system", ""),
	IPs:                            []net.IP{net.IPv4(127, 0, 0, 1)},
	MutatingWebhookConfiguration:   "wasmer",
	ValidatingWebhookConfiguration: "wasmer",
}

// replica is a SelfManaged on a cluster in memory.
type replica struct {
	*SelfManaged
	t         *testing.T
	client    *fake.Clientset
	authority *memoryAuthority
	// forbidden makes every write to a configuration fail.
	forbidden atomic.Bool
}

// startReplica runs within a synctest bubble, until the test ends.
func startReplica(t *testing.T, leafLife time.Duration) *replica {
	client := fake.NewClientset(
		&admissionv1.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "wasmer"}, Webhooks: []admissionv1.MutatingWebhook{{Name: "m", ClientConfig: service(nil)}}},
		&admissionv1.ValidatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "wasmer"}, Webhooks: []admissionv1.ValidatingWebhook{{Name: "v", ClientConfig: service(nil)}}},
	)
	authority := &memoryAuthority{t: t, client: client, leafLife: leafLife}
	r := &replica{SelfManaged: newSelfManaged(testOptions, client, authority), t: t, client: client, authority: authority}
	client.PrependReactor("patch", "*", r.refuse)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Start: %v", err)
		}
	})
	return r
}

// bundles returns the caBundle of both webhooks.
func (r *replica) bundles() [2][]byte {
	r.t.Helper()
	m, err := r.client.AdmissionregistrationV1().MutatingWebhookConfigurations().Get(r.t.Context(), "wasmer", metav1.GetOptions{})
	if err != nil {
		r.t.Fatal(err)
	}
	v, err := r.client.AdmissionregistrationV1().ValidatingWebhookConfigurations().Get(r.t.Context(), "wasmer", metav1.GetOptions{})
	if err != nil {
		r.t.Fatal(err)
	}
	return [2][]byte{m.Webhooks[0].ClientConfig.CABundle, v.Webhooks[0].ClientConfig.CABundle}
}

// call verifies what the replica serves as the API server would, by each bundle.
func (r *replica) call(bundles [2][]byte) error {
	leaf, err := leafOf(r.GetCertificate, time.Now())
	if err != nil {
		return err
	}
	for _, bundle := range bundles {
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(bundle)
		for _, name := range []string{serviceName, "127.0.0.1"} {
			if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: name}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *replica) settle(wait time.Duration) {
	time.Sleep(wait)
	synctest.Wait()
}

func (r *replica) writes() (n int) {
	for _, action := range r.client.Actions() {
		if action.GetVerb() == "patch" {
			n++
		}
	}
	return n
}

func (r *replica) refuse(action clienttesting.Action) (bool, runtime.Object, error) {
	if !r.forbidden.Load() {
		return false, nil, nil
	}
	return true, nil, apierrors.NewForbidden(action.GetResource().GroupResource(), "wasmer", errors.New("not allowed"))
}
