// SPDX-License-Identifier: Apache-2.0

package egress_test

import (
	"crypto/x509"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/egress"
	"github.com/autowasm/autowasm/internal/failure"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRefusalsOnTheWay(t *testing.T) {
	tests := []struct {
		name    string
		options egress.Options
		handler http.HandlerFunc
		want    string
	}{
		{
			name:    "loopback",
			handler: answer(http.StatusOK),
			want:    "address 127.0.0.1 refused: it is a loopback address",
		},
		{
			name:    "redirect to the metadata service",
			options: egress.Options{AllowLoopback: true},
			handler: redirect("http://169.254.169.254/latest/meta-data"),
			want:    "address 169.254.169.254 refused: it is a link-local address",
		},
		{
			name:    "redirect to the metadata service, mapped",
			options: egress.Options{AllowLoopback: true},
			handler: redirect("http://[::ffff:a9fe:a9fe]/latest/meta-data"),
			want:    "address 169.254.169.254 refused",
		},
		{
			name:    "redirect to a number that is an address",
			options: egress.Options{AllowLoopback: true, Resolver: resolver(t, "169.254.169.254")},
			handler: redirect("http://2852039166.example/"),
			want:    "address 169.254.169.254 refused: it is a link-local address",
		},
		{
			name:    "redirect to a name that resolves to the metadata service",
			options: egress.Options{AllowLoopback: true, Resolver: resolver(t, "169.254.169.254")},
			handler: redirect("http://innocent.example/"),
			want:    "address 169.254.169.254 refused: it is a link-local address",
		},
		{
			name:    "redirect to a name that resolves to it by NAT64",
			options: egress.Options{AllowLoopback: true, Resolver: resolver(t, "64:ff9b::a9fe:a9fe")},
			handler: redirect("http://innocent.example/"),
			want:    "address 64:ff9b::a9fe:a9fe refused: it is a link-local address",
		},
		{
			name:    "redirect to another scheme",
			options: egress.Options{AllowLoopback: true},
			handler: redirect("ftp://files.example/x"),
			want:    `scheme "ftp" of files.example refused: only http and https are allowed`,
		},
		{
			name:    "redirect to a host that is not on the list",
			options: egress.Options{AllowLoopback: true, AllowHosts: egress.Hosts{"127.0.0.1"}},
			handler: redirect("http://elsewhere.example/"),
			want:    "host elsewhere.example refused: it is not on the server's list of allowed hosts (--allow-hosts)",
		},
		{
			name:    "host that is not on the list",
			options: egress.Options{AllowLoopback: true, AllowHosts: egress.Hosts{"*.example"}},
			handler: answer(http.StatusOK),
			want:    "host 127.0.0.1 refused: it is not on the server's list of allowed hosts (--allow-hosts)",
		},
		{
			name:    "denied range",
			options: egress.Options{AllowLoopback: true, DenyCIDRs: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
			handler: answer(http.StatusOK),
			want:    "address 127.0.0.1 refused: it is in the denied range 127.0.0.0/8",
		},
		{
			name:    "realm at the metadata service",
			options: egress.Options{AllowLoopback: true},
			handler: challenge(`Bearer realm="http://169.254.169.254/token",service="x"`),
			want:    "address 169.254.169.254 refused: it is a link-local address",
		},
		{
			name:    "realm of another scheme, unquoted, second challenge",
			options: egress.Options{AllowLoopback: true},
			handler: challenge(`Basic realm="x"`, `bearer service="x", Realm=file:///etc/passwd`),
			want:    `scheme "file" of  refused`,
		},
		{
			name:    "realm at a host that is not on the list",
			options: egress.Options{AllowLoopback: true, AllowHosts: egress.Hosts{"127.0.0.1"}},
			handler: challenge(`Bearer realm="https://token.example/"`),
			want:    "host token.example refused",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := httptest.NewServer(tt.handler)
			defer server.Close()
			_, err := get(t, tt.options, server.URL)
			refused(t, err, tt.want)
		})
	}
}

func TestAllowedOnTheWay(t *testing.T) {
	var target *httptest.Server
	mux := http.NewServeMux()
	mux.HandleFunc("/ok", answer(http.StatusOK))
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, target.URL+"/ok", http.StatusFound) })
	mux.HandleFunc("/basic", challenge(`Basic realm="http://169.254.169.254/"`))
	mux.HandleFunc("/bearer", challenge(`Bearer realm="https://10.0.0.1/token"`))
	target = httptest.NewServer(mux)
	defer target.Close()
	tests := []struct {
		path string
		want int
	}{
		{"/ok", http.StatusOK},
		{"/moved", http.StatusOK},
		{"/basic", http.StatusUnauthorized},
		{"/bearer", http.StatusUnauthorized},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			status, err := get(t, egress.Options{AllowLoopback: true, AllowHosts: egress.Hosts{"127.0.0.1", "10.0.0.1"}}, target.URL+tt.path)
			if err != nil || status != tt.want {
				t.Errorf("got %d, %v, want %d", status, err, tt.want)
			}
		})
	}
}

func TestDirectRequestToTheMetadataService(t *testing.T) {
	for _, u := range []string{"http://169.254.169.254/", "http://[fe80::1%25lo]/", "https://100.100.100.200/", "http://0.0.0.0/", "http://[::]/"} {
		_, err := get(t, egress.Options{AllowLoopback: true}, u)
		refused(t, err, " refused: it is ")
	}
}

func TestCertificates(t *testing.T) {
	server := httptest.NewUnstartedServer(answer(http.StatusOK))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "https://")
	tests := []struct {
		name    string
		options egress.Options
		want    bool
	}{
		{"unknown authority", egress.Options{AllowLoopback: true}, false},
		{"its authority", trusting(server), true},
		{"insecure host", egress.Options{AllowLoopback: true, InsecureHosts: egress.Hosts{host}}, true},
		{"another insecure host", egress.Options{AllowLoopback: true, InsecureHosts: egress.Hosts{"127.0.0.1:1"}}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := get(t, tt.options, server.URL)
			if (err == nil) != tt.want {
				t.Errorf("err = %v", err)
			}
		})
	}
}

func TestEndlessHeaderIsCutOff(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Long", strings.Repeat("x", 128<<10))
	}))
	defer server.Close()
	if _, err := get(t, egress.Options{AllowLoopback: true}, server.URL); err == nil {
		t.Error("a header of 128 KiB was accepted")
	}
}

func TestProxiesOfTheEnvironmentAreNotUsed(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	server := httptest.NewServer(answer(http.StatusOK))
	defer server.Close()
	// net/http never sends a loopback address to a proxy, hence the name.
	u := strings.Replace(server.URL, "127.0.0.1", "server.example", 1)
	if _, err := get(t, egress.Options{AllowLoopback: true, Resolver: resolver(t, "127.0.0.1")}, u); err != nil {
		t.Error(err)
	}
}

func get(t *testing.T, o egress.Options, u string) (int, error) {
	t.Helper()
	guard := egress.New(o)
	defer guard.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, u, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := guard.Client().Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

func refused(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil {
		t.Fatal("allowed")
	}
	if f := failure.Of(err); f.Reason != v1alpha1.ReasonAddressRefused || !f.Terminal || !strings.Contains(f.Error(), want) {
		t.Errorf("got %s %q (terminal %v), want %s with %q", f.Reason, f, f.Terminal, v1alpha1.ReasonAddressRefused, want)
	}
}

func trusting(server *httptest.Server) egress.Options {
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	return egress.Options{AllowLoopback: true, RootCAs: pool}
}

func answer(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
}

func redirect(to string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", to)
		w.WriteHeader(http.StatusTemporaryRedirect)
	}
}

func challenge(challenges ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Www-Authenticate"] = challenges
		w.WriteHeader(http.StatusUnauthorized)
	}
}
