package egress

import (
	"net/http"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
)

// MaxRedirects is how many redirects of one request are followed.
const MaxRedirects = 5

// credentialHeaders are what must not go on to another host. A Referer carries the
// query of the URL before, and with it a signature perhaps.
var credentialHeaders = []string{"Authorization", "Cookie", "Proxy-Authorization", "Referer"}

// previous returns the request whose redirect led to req; nil for the first one.
func previous(req *http.Request) *http.Request {
	if req.Response == nil {
		return nil
	}
	return req.Response.Request
}

// checkHop refuses a redirect too many and one that leaves TLS.
func checkHop(req *http.Request) error {
	before := previous(req)
	if before != nil && before.URL.Scheme == "https" && req.URL.Scheme != "https" {
		return failure.Terminalf(v1alpha1.ReasonAddressRefused, "redirect from https://%s to %s://%s refused: it leaves TLS", before.URL.Host, req.URL.Scheme, req.URL.Host)
	}
	hops := 0
	for ; before != nil; before = previous(before) {
		if hops++; hops > MaxRedirects {
			return failure.Transientf(v1alpha1.ReasonUnavailable, "more than %d redirects, the last one to %s", MaxRedirects, req.URL.Host)
		}
	}
	return nil
}

// forwardNothing takes away each credential that a redirect would forward to
// another host. net/http forwards them to subdomains and to other ports. A
// credential that was made for the new host differs and stays.
func forwardNothing(req *http.Request) *http.Request {
	clean := req
	for before := previous(req); before != nil; before = previous(before) {
		if before.URL.Scheme == req.URL.Scheme && hostport(before.URL) == hostport(req.URL) {
			continue
		}
		for _, name := range credentialHeaders {
			if !forwarded(name, before, clean) {
				continue
			}
			if clean == req {
				clean = req.Clone(req.Context())
			}
			clean.Header.Del(name)
		}
	}
	return clean
}

func forwarded(name string, before, req *http.Request) bool {
	value := req.Header.Get(name)
	return value != "" && (name == "Referer" || value == before.Header.Get(name))
}
