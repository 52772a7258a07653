package egress

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
)

// realm finds the realm in a Bearer challenge.
var realm = regexp.MustCompile(`(?i)\brealm\s*=\s*"?([^",\s]+)`)

// checkPointers checks where a response would send the client next.
func (g *Guard) checkPointers(resp *http.Response) error {
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
		return nil // the client says so itself
	}
	if err := g.CheckURL(location); err != nil {
		return failure.Wrapf(err, "redirect from %s", resp.Request.URL.Host)
	}
	return nil
}

// checkRealms checks the token services that a registry points to: they are sent
// the credentials that are meant for the registry.
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
		return nil // no place to send anything to
	}
	if registry.Scheme == "https" && service.Scheme != "https" {
		return failure.Terminalf(v1alpha1.ReasonAddressRefused, "%s://%s refused: credentials would leave TLS", service.Scheme, service.Host)
	}
	return g.CheckURL(service)
}
