package main

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// schemeKeeper lets the registry be asked by the scheme that was decided on, and
// by no other. The registry library tries HTTP by itself for private addresses and
// .local names, and would send credentials over it.
type schemeKeeper struct {
	host   string
	scheme string
	next   http.RoundTripper
}

// errOtherScheme is what the library gets for its other try.
var errOtherScheme = errors.New("not asked by this scheme")

// attemptError is how the try by the right scheme failed.
type attemptError struct {
	method, url string
	err         error
}

func (e *attemptError) Error() string { return e.err.Error() }
func (e *attemptError) Unwrap() error { return e.err }

// RoundTrip leaves requests to other hosts, where a registry keeps its blobs or
// gives out its tokens, as they are.
func (k *schemeKeeper) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == k.host && r.URL.Scheme != k.scheme {
		return nil, errOtherScheme
	}
	response, err := k.next.RoundTrip(r)
	if err != nil {
		return nil, &attemptError{r.Method, r.URL.Redacted(), err}
	}
	return response, nil
}

// attempted leaves out of an error the try that never was.
func attempted(err error) error {
	if !errors.Is(err, errOtherScheme) {
		return err
	}
	if refused, ok := errors.AsType[*transport.Error](err); ok {
		return refused
	}
	if failed, ok := errors.AsType[*attemptError](err); ok {
		return fmt.Errorf("%s %s: %w", failed.method, failed.url, failed.err)
	}
	return err
}
