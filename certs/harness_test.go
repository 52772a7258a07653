// SPDX-License-Identifier: Apache-2.0

package certs

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cert-manager/cert-manager/pkg/server/tls/authority"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"
	clienttesting "k8s.io/client-go/testing"
)

// ca is a certificate authority in memory.
type ca struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// newCA makes an authority that is valid from now for the given time.
func newCA(t testing.TB, validFor time.Duration) ca {
	t.Helper()
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: commonName},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.Add(validFor),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	key := newKey(t)
	return ca{sign(t, template, template, &key.PublicKey, key), key}
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t testing.TB, template, parent *x509.Certificate, public any, key *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	raw, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

func (c ca) leaf(t testing.TB, validFor time.Duration) *x509.Certificate {
	t.Helper()
	key := newKey(t)
	return sign(t, leafTemplate(validFor), c.certificate, &key.PublicKey, c.key)
}

func leafTemplate(validFor time.Duration) *x509.Certificate {
	return &x509.Certificate{SerialNumber: big.NewInt(2), NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(validFor)}
}

func (c ca) pem() []byte { return encodeBundle([]*x509.Certificate{c.certificate}) }

// memoryAuthority stands for the authority in the cluster: it signs with the
// current ca and writes its certificate into the Secret. rotate changes it.
type memoryAuthority struct {
	t        testing.TB
	client   kubernetes.Interface
	leafLife time.Duration
	delay    time.Duration // until Run makes the first authority

	mu      sync.Mutex
	current *ca
	watches []chan<- struct{}
}

func (m *memoryAuthority) Run(ctx context.Context) error {
	time.Sleep(m.delay)
	m.rotate(ctx)
	<-ctx.Done()
	return nil
}

func (m *memoryAuthority) rotate(ctx context.Context) ca {
	next := newCA(m.t, 365*24*time.Hour)
	m.write(ctx, next)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.current = &next
	for _, watch := range m.watches {
		select {
		case watch <- struct{}{}:
		default:
		}
	}
	return next
}

// lose has it sign no more.
func (m *memoryAuthority) lose() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.current = nil
}

func (m *memoryAuthority) write(ctx context.Context, next ca) {
	secrets := m.client.CoreV1().Secrets("istio-system")
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "istio-system", Name: secretName},
		Data:       map[string][]byte{caKey: next.pem()},
	}
	if _, err := secrets.Update(ctx, secret, metav1.UpdateOptions{}); err == nil {
		return
	}
	if _, err := secrets.Create(ctx, secret, metav1.CreateOptions{}); err != nil {
		m.t.Error(err)
	}
}

func (m *memoryAuthority) WatchRotation(watch chan<- struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.watches = append(m.watches, watch)
}

func (m *memoryAuthority) StopWatchingRotation(chan<- struct{}) {}

func (m *memoryAuthority) Sign(template *x509.Certificate) (*x509.Certificate, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.current == nil {
		return nil, authority.ErrCertificateNotAvailable
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore, template.NotAfter = time.Now(), time.Now().Add(m.leafLife)
	return sign(m.t, template, m.current.certificate, template.PublicKey, m.current.key), nil
}

const serviceName = "wasmer-webhook.istio-system.svc"

var testOptions = Options{
	RESTConfig:            &rest.Config{Host: "https://127.0.0.1:1"},
	Namespace:             "istio-system",
	DNSNames:              ServiceDNSNames("wasmer-webhook", "istio-system", ""),
	IPs:                   []net.IP{net.IPv4(127, 0, 0, 1)},
	WebhookConfigurations: "wasmer",
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

// startReplica runs within a synctest bubble, until the test ends. What must be so from the start
// is prepared before: of what happens between the list and the watch of an informer the fake API server says nothing.
func startReplica(t *testing.T, leafLife time.Duration, prepare ...func(*replica)) *replica {
	client := fake.NewClientset(
		&admissionv1.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "wasmer"}, Webhooks: []admissionv1.MutatingWebhook{{Name: "m", ClientConfig: service(nil)}}},
		&admissionv1.ValidatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "wasmer"}, Webhooks: []admissionv1.ValidatingWebhook{{Name: "v", ClientConfig: service(nil)}}},
	)
	authority := &memoryAuthority{t: t, client: client, leafLife: leafLife}
	r := &replica{SelfManaged: newSelfManaged(testOptions, client, authority), t: t, client: client, authority: authority}
	client.PrependReactor("patch", "*", r.refuse)
	for _, p := range prepare {
		p(r)
	}
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

// leafOf returns the certificate that get presents, without its intermediates.
func leafOf(get func(*tls.ClientHelloInfo) (*tls.Certificate, error), now time.Time) (*x509.Certificate, error) {
	chain, err := chainOf(get, now)
	if err != nil {
		return nil, err
	}
	return chain[0], nil
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
