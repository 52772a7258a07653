// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/spf13/pflag"

	"github.com/autowasm/autowasm/fetch/image"
)

// registryOptions say how to reach a registry, and as which user.
type registryOptions struct {
	transportOptions
	username      string
	passwordStdin bool
}

func (o *registryOptions) bind(flags *pflag.FlagSet) {
	o.transportOptions.bind(flags)
	flags.StringVarP(&o.username, "username", "u", "", "user name at the registry; goes before docker's and podman's credentials")
	flags.BoolVar(&o.passwordStdin, "password-stdin", false, "read the password from standard input")
}

// check finds flags that contradict each other.
func (o *registryOptions) check() error {
	if (o.username != "") != o.passwordStdin {
		return usagef("--username and --password-stdin belong together")
	}
	return o.transportOptions.check()
}

// remote returns the options of calls to a registry; it does not connect.
func (o *registryOptions) remote(registry name.Registry, stdin io.Reader) ([]remote.Option, error) {
	transport, err := o.transport(registry.RegistryStr())
	if err != nil {
		return nil, err
	}
	auth := remote.WithAuthFromKeychain(keychain)
	if o.username != "" {
		password, err := readPassword(stdin)
		if err != nil {
			return nil, err
		}
		auth = remote.WithAuth(&authn.Basic{Username: o.username, Password: password})
	}
	return []remote.Option{auth, remote.WithTransport(transport), remote.WithUserAgent("wasmc/" + version)}, nil
}

func parseReference(image string) (name.Reference, error) {
	ref, err := name.ParseReference(image)
	if err != nil {
		if scheme, rest, isURL := strings.Cut(image, "://"); isURL {
			return nil, usagef("%q is a URL: leave out %s://, as in %s; to a registry without TLS, use --plain-http", image, scheme, rest)
		}
		if _, lower := name.ParseReference(strings.ToLower(image)); lower == nil {
			return nil, usagef("%q is not an image reference: a repository has lower-case letters alone", image)
		}
		return nil, usagef("%q is not an image reference such as registry.example/team/filter:v1: %w", image, err)
	}
	return ref, nil
}

// transportOptions say how to reach a registry.
type transportOptions struct {
	plainHTTP bool
	insecure  bool
	caFile    string
}

func (o *transportOptions) bind(flags *pflag.FlagSet) {
	flags.BoolVar(&o.plainHTTP, "plain-http", false, "speak HTTP instead of HTTPS; the default for localhost, 127.0.0.1 and [::1]")
	flags.BoolVar(&o.insecure, "insecure", false, "speak HTTPS without verifying the registry's certificate")
	flags.StringVar(&o.caFile, "ca-file", "", "`FILE` with certificates (PEM) that sign the registry's, besides the system's")
}

// check finds flags that contradict each other.
func (o *transportOptions) check() error {
	switch {
	case o.plainHTTP && (o.insecure || o.caFile != ""):
		return usagef("--plain-http excludes --insecure and --ca-file, which are about HTTPS")
	case o.insecure && o.caFile != "":
		return usagef("--insecure excludes --ca-file: it verifies nothing")
	}
	return nil
}

// transport reaches the registry at host.
func (o *transportOptions) transport(host string) (http.RoundTripper, error) {
	config, err := o.tlsConfig()
	if err != nil {
		return nil, err
	}
	base := remote.DefaultTransport.(*http.Transport).Clone()
	base.TLSClientConfig = config
	return image.NewVerifier(1).Transport(&schemeTransport{host: host, scheme: o.scheme(host), next: base}), nil
}

// scheme returns http only with --plain-http or for this machine.
func (o *transportOptions) scheme(host string) string {
	if o.plainHTTP || isLocal(host) && !o.insecure && o.caFile == "" {
		return "http"
	}
	return "https"
}

func isLocal(host string) bool {
	switch (&url.URL{Host: host}).Hostname() {
	case "localhost", "127.0.0.1", "::1":
		return true
	}
	return false
}

func (o *transportOptions) tlsConfig() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: o.insecure}
	if o.caFile == "" {
		return config, nil
	}
	pem, err := os.ReadFile(o.caFile)
	if err != nil {
		return nil, fmt.Errorf("read --ca-file: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("read --ca-file %s: it holds no certificate in PEM", o.caFile)
	}
	config.RootCAs = pool
	return config, nil
}

// schemeTransport sends requests to the registry by one scheme only. The registry library also tries HTTP for private
// addresses and .local names, and would send credentials over it.
type schemeTransport struct {
	host   string
	scheme string
	next   http.RoundTripper
}

// errOtherScheme answers a request by the other scheme.
var errOtherScheme = errors.New("the registry is not called by this scheme")

// requestError is why a request by the right scheme failed.
type requestError struct {
	method, url string
	err         error
}

func (e *requestError) Error() string { return e.err.Error() }
func (e *requestError) Unwrap() error { return e.err }

// RoundTrip leaves requests to other hosts as they are: a registry may keep its blobs or issue its tokens there.
func (t *schemeTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == t.host && r.URL.Scheme != t.scheme {
		return nil, errOtherScheme
	}
	response, err := t.next.RoundTrip(r)
	if err != nil {
		return nil, &requestError{r.Method, r.URL.Redacted(), err}
	}
	return response, nil
}

// withoutOtherScheme returns what failed by the right scheme where the library reports both of its attempts.
func withoutOtherScheme(err error) error {
	if !errors.Is(err, errOtherScheme) {
		return err
	}
	if status, ok := errors.AsType[*transport.Error](err); ok {
		return status
	}
	if failed, ok := errors.AsType[*requestError](err); ok {
		return fmt.Errorf("%s %s: %w", failed.method, failed.url, failed.err)
	}
	return err
}
