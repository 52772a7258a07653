// SPDX-License-Identifier: Apache-2.0

package egress

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
)

// MaxRedirects is how many redirects of one request are followed.
const MaxRedirects = 5

// credentialHeaders are not forwarded to another host. A Referer carries the previous URL, which may hold a signature.
var credentialHeaders = []string{"Authorization", "Cookie", "Proxy-Authorization", "Referer"}

// previous returns the request whose redirect led to req; nil for the first one.
func previous(req *http.Request) *http.Request {
	if req.Response == nil {
		return nil
	}
	return req.Response.Request
}

// checkRedirect refuses a redirect too many and one that leaves TLS.
func checkRedirect(req *http.Request) error {
	before := previous(req)
	if before != nil && before.URL.Scheme == "https" && req.URL.Scheme != "https" {
		return refusedf("redirect from https://%s to %s://%s refused: it leaves TLS", before.URL.Host, req.URL.Scheme, req.URL.Host)
	}
	hops := 0
	for ; before != nil; before = previous(before) {
		if hops++; hops > MaxRedirects {
			return failure.Transientf(v1alpha1.ReasonUnavailable, "more than %d redirects, the last one to %s", MaxRedirects, req.URL.Host)
		}
	}
	return nil
}

// withoutForwardedCredentials removes credentials that net/http would forward to subdomains and to other ports.
func withoutForwardedCredentials(req *http.Request) *http.Request {
	names := forwardedCredentials(req)
	if len(names) == 0 {
		return req
	}
	clean := req.Clone(req.Context())
	for _, name := range names {
		clean.Header.Del(name)
	}
	return clean
}

// forwardedCredentials returns the headers of req that were sent to another host before, so not one made for the new.
func forwardedCredentials(req *http.Request) (names []string) {
	for before := previous(req); before != nil; before = previous(before) {
		if before.URL.Scheme == req.URL.Scheme && hostport(before.URL) == hostport(req.URL) {
			continue
		}
		for _, name := range credentialHeaders {
			if forwarded(name, before, req) {
				names = append(names, name)
			}
		}
	}
	return names
}

func forwarded(name string, before, req *http.Request) bool {
	value := req.Header.Get(name)
	return value != "" && (name == "Referer" || value == before.Header.Get(name))
}

// realm finds the realm in a Bearer challenge.
var realm = regexp.MustCompile(`(?i)\brealm\s*=\s*"?([^",\s]+)`)

// checkResponse checks where a response would send the client next.
func (g *Guard) checkResponse(resp *http.Response) error {
	switch {
	case resp.StatusCode == http.StatusUnauthorized:
		return g.checkRealms(resp)
	case resp.StatusCode >= 300 && resp.StatusCode < 400 && resp.Header.Get("Location") != "":
		return g.checkLocation(resp)
	}
	return nil
}

func (g *Guard) checkLocation(resp *http.Response) error {
	location, err := resp.Location()
	if err != nil {
		return nil // the client reports it
	}
	if err := g.CheckURL(location); err != nil {
		return failure.Wrapf(err, "redirect from %s", resp.Request.URL.Host)
	}
	return nil
}

// checkRealms checks the token services that a registry points to: clients send them the credentials of the registry.
func (g *Guard) checkRealms(resp *http.Response) error {
	for _, challenge := range resp.Header.Values("WWW-Authenticate") {
		if !strings.Contains(strings.ToLower(challenge), "bearer") {
			continue
		}
		for _, match := range realm.FindAllStringSubmatch(challenge, -1) {
			if err := g.checkRealm(resp.Request.URL, match[1]); err != nil {
				return failure.Wrapf(err, "token service of %s", resp.Request.URL.Host)
			}
		}
	}
	return nil
}

func (g *Guard) checkRealm(registry *url.URL, value string) error {
	service, err := url.Parse(value)
	if err != nil || !service.IsAbs() {
		return nil // nothing can be sent there
	}
	if registry.Scheme == "https" && service.Scheme != "https" {
		return refusedf("%s://%s refused: credentials would leave TLS", service.Scheme, service.Host)
	}
	return g.CheckURL(service)
}
