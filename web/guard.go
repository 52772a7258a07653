// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// headers are those of every response. The policy lets the page load what this server has, and nothing else: no script in
// the document, and no text that becomes markup.
var headers = map[string]string{
	"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Referrer-Policy":              "no-referrer",
	"X-Content-Type-Options":       "nosniff",
	"X-Frame-Options":              "DENY",
}

// guard refuses what is no request of the page, before next answers it.
func guard(address string, next http.Handler) http.Handler {
	own, _, _ := net.SplitHostPort(address)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range headers {
			w.Header().Set(name, value)
		}
		switch {
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "only GET and HEAD are allowed: the page changes nothing", http.StatusMethodNotAllowed)
		case !isAdmitted(r.Host, own):
			http.Error(w, "the page is served under localhost and IP addresses alone: kubectl port-forward leads there", http.StatusMisdirectedRequest)
		case strings.HasPrefix(r.URL.Path, "/api/") && isForeign(r.Header.Get("Sec-Fetch-Site")):
			http.Error(w, "only the page itself may read this", http.StatusForbidden)
		default:
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(requestTimeout))
			next.ServeHTTP(w, r)
		}
	})
}

// isAdmitted reports whether a Host header is one under which the page is served: localhost and names below it, IP
// addresses, and the name in --web-address. A site whose name is made to lead here (DNS rebinding) has another.
func isAdmitted(host, own string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || (own != "" && host == strings.ToLower(own))
}

// isForeign reports whether a browser says that another site makes the request. It could not read the answer, but could keep
// streams open.
func isForeign(site string) bool { return site == "cross-site" || site == "same-site" }
