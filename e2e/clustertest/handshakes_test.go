//go:build cluster

// SPDX-License-Identifier: Apache-2.0

package clustertest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// handshakes are done all the time with each ready endpoint of the webhooks' Service, verified by the caBundles of a moment
// before: an API server receives a new one a little after it is written. The API server's own connection, which it keeps
// open, would hide what a new one meets.
type handshakes struct {
	client  kubernetes.Interface
	cancel  context.CancelFunc
	running sync.WaitGroup

	count    int
	failures []error
}

// startHandshakes begins them. They end with stop, or the test.
func startHandshakes(t *testing.T) *handshakes {
	t.Helper()
	config, err := restConfig()
	if err != nil {
		t.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	h := &handshakes{client: client, cancel: cancel}
	h.running.Go(func() { h.run(ctx) })
	t.Cleanup(func() { h.cancel(); h.running.Wait() })
	return h
}

// stale is the age at which caBundles verify nothing any more: a replica may be ready, with a certificate of a new authority, as
// soon as the caBundles have that, and on a busy machine a round may take longer than a kubelet to see that it is.
const stale = 200 * time.Millisecond

// trust is what an API server verifies with since it has read it.
type trust struct {
	bundles [][]byte
	read    time.Time
}

func (h *handshakes) run(ctx context.Context) {
	period := time.NewTicker(100 * time.Millisecond)
	defer period.Stop()
	var former trust
	for ctx.Err() == nil {
		next, err := h.round(context.WithoutCancel(ctx), former)
		if err != nil {
			h.failures = append(h.failures, err)
		}
		former = next
		<-period.C
	}
}

// round tries each caBundle with each endpoint and returns the caBundles for the next round.
func (h *handshakes) round(ctx context.Context, former trust) (next trust, err error) {
	endpoints, err := h.endpoints(ctx)
	if err != nil {
		return former, err
	}
	listed := time.Now()
	next, err = h.caBundles(ctx)
	if err != nil {
		return former, err
	}
	if listed.Sub(former.read) > stale {
		return next, nil
	}
	var errs []error
	for _, bundle := range former.bundles {
		config, err := trusting(bundle)
		if err != nil {
			return next, err
		}
		for _, endpoint := range endpoints {
			h.count++
			_, err := endpoint.handshake(ctx, config)
			errs = append(errs, err)
		}
	}
	return next, errors.Join(errs...)
}

// caBundles are those of both webhook configurations.
func (h *handshakes) caBundles(ctx context.Context) (trust, error) {
	read := time.Now()
	configurations := h.client.AdmissionregistrationV1()
	mutating, err := configurations.MutatingWebhookConfigurations().Get(ctx, "wasmer", metav1.GetOptions{})
	if err != nil {
		return trust{}, err
	}
	validating, err := configurations.ValidatingWebhookConfigurations().Get(ctx, "wasmer", metav1.GetOptions{})
	if err != nil {
		return trust{}, err
	}
	return trust{[][]byte{mutating.Webhooks[0].ClientConfig.CABundle, validating.Webhooks[0].ClientConfig.CABundle}, read}, nil
}

func (h *handshakes) endpoints(ctx context.Context) (ready pods, err error) {
	slices, err := h.client.DiscoveryV1().EndpointSlices(wasmerNamespace).List(ctx,
		metav1.ListOptions{LabelSelector: "kubernetes.io/service-name=wasmer-webhook"})
	if err != nil {
		return nil, err
	}
	for _, slice := range slices.Items {
		for _, e := range slice.Endpoints {
			if e.Conditions.Ready != nil && *e.Conditions.Ready {
				ready = append(ready, pod{e.TargetRef.Name, e.Addresses[0] + ":9443"})
			}
		}
	}
	return ready, nil
}

// stop ends them and fails the test for each that failed.
func (h *handshakes) stop(t *testing.T) {
	t.Helper()
	h.cancel()
	h.running.Wait()
	t.Logf("%d handshakes, %d rounds with failures", h.count, len(h.failures))
	if h.count == 0 {
		t.Error("no handshake was tried")
	}
	for _, err := range h.failures {
		t.Errorf("failed handshakes: %v", err)
	}
}

// trusting is for handshakes as an API server does them that trusts a caBundle.
func trusting(caBundle []byte) (*tls.Config, error) {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(caBundle) {
		return nil, errors.New("the caBundle is empty")
	}
	return &tls.Config{RootCAs: roots, ServerName: "wasmer-webhook." + wasmerNamespace + ".svc"}, nil
}
