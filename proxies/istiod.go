// SPDX-License-Identifier: Apache-2.0

package proxies

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// DefaultIstiodTimeout is the default of IstiodOptions.Timeout.
const DefaultIstiodTimeout = 5 * time.Second

const (
	// rejectionsMaxAge is how long rejections are returned again.
	rejectionsMaxAge = 5 * time.Second
	// maxInstances bounds the replicas of istiod that are called.
	maxInstances = 16
	// maxCredential bounds the token and the mesh's root certificates, in bytes.
	maxCredential = 1 << 20
)

// IstiodOptions are what an Istiod works with.
type IstiodOptions struct {
	// Instances returns the addresses, host:port, at which all of istiod's replicas serve xDS over TLS, such as
	// 10.0.0.9:15012: each knows the proxies that are connected to it. Required.
	Instances func(ctx context.Context) ([]string, error)
	// Namespace and Service name istiod's Service: a replica's certificate must be for <Service>.<Namespace>.svc.
	// wasmer's own namespace must be the same. Required.
	Namespace, Service string
	// CAFile holds the mesh's root certificates, PEM, which istiod's own is verified with, read at each call. "" means
	// the system's.
	CAFile string
	// TokenFile holds the token by which istiod authenticates wasmer, read at each call. istiod accepts those for the
	// audience that it signs workload certificates for, so it is sent to a verified istiod alone. Without one, "",
	// istiod is not called, and all calls fail.
	TokenFile string
	// Timeout bounds one call of all instances. 0 means DefaultIstiodTimeout.
	Timeout time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Istiod reads from istiod's sync status which listeners proxies have rejected, and of which version they are. It may
// be used concurrently.
type Istiod struct {
	o       IstiodOptions
	results *cache[syncResult]
}

// NewIstiod makes an Istiod.
func NewIstiod(o IstiodOptions) *Istiod {
	o.Timeout = cmp.Or(o.Timeout, DefaultIstiodTimeout)
	return &Istiod{o: o, results: newCache(o.Now, func(syncResult) int { return 0 })}
}

// Rejections returns each proxy that istiod knows, as "<namespace>/<pod>", with why it rejected the listeners that it
// was last sent; "" when it did not. A proxy that is missing is not known. The map is shared: do not change it. An
// error says that an instance could not be called; what the others returned is there all the same.
func (i *Istiod) Rejections(ctx context.Context) (map[string]string, error) {
	result, err := i.results.get(ctx, "", rejectionsMaxAge, i.fetch)
	return result.rejections, err
}

// Versions returns each proxy that istiod knows, as "<namespace>/<pod>", with the version of Istio that it says it is, such
// as 1.31.1; "" when it says none. For the map and an error the same holds as for Rejections.
func (i *Istiod) Versions(ctx context.Context) (map[string]string, error) {
	result, err := i.results.get(ctx, "", rejectionsMaxAge, i.fetch)
	return result.versions, err
}

func (i *Istiod) fetch(ctx context.Context) (syncResult, error) {
	ctx, cancel := context.WithTimeout(ctx, i.o.Timeout)
	defer cancel()
	if i.o.TokenFile == "" {
		return syncResult{}, errors.New("call istiod: there is no token")
	}
	addresses, err := i.o.Instances(ctx)
	if err != nil {
		return syncResult{}, fmt.Errorf("find istiod: %w", err)
	}
	if len(addresses) == 0 {
		return syncResult{}, errors.New("find istiod: it has no replicas")
	}
	caller, err := i.caller()
	if err != nil {
		return syncResult{}, fmt.Errorf("call istiod: %w", err)
	}
	defer caller.close()
	return fetchAll(ctx, addresses[:min(len(addresses), maxInstances)], caller)
}

// fetchAll calls all instances at once, so that one which hangs hides none of the others.
func fetchAll(ctx context.Context, addresses []string, c syncCaller) (syncResult, error) {
	found, failed := make([]syncStatus, len(addresses)), make([]error, len(addresses))
	var calls sync.WaitGroup
	for n, address := range addresses {
		found[n] = syncStatus{}
		calls.Go(func() {
			if err := c.call(ctx, address, found[n]); err != nil {
				failed[n] = fmt.Errorf("read the sync status of istiod at %s: %w", address, err)
			}
		})
	}
	calls.Wait()
	return merge(found), errors.Join(failed...)
}

// caller reads what identifies both sides of a call, which is renewed now and then.
func (i *Istiod) caller() (syncCaller, error) {
	token, err := readCredential(i.o.TokenFile)
	if err != nil {
		return syncCaller{}, fmt.Errorf("read the token: %w", err)
	}
	roots, err := i.roots()
	if err != nil {
		return syncCaller{}, fmt.Errorf("read the mesh's root certificates: %w", err)
	}
	name := i.o.Service + "." + i.o.Namespace + ".svc"
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: name, RootCAs: roots}
	return newSyncCaller(config, strings.TrimSpace(string(token)), i.o.Namespace), nil
}

// roots are the certificates that istiod's is verified with; nil are the system's.
func (i *Istiod) roots() (*x509.CertPool, error) {
	if i.o.CAFile == "" {
		return nil, nil
	}
	pem, err := readCredential(i.o.CAFile)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", i.o.CAFile)
	}
	return roots, nil
}

func readCredential(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // only read
	return io.ReadAll(io.LimitReader(file, maxCredential))
}
