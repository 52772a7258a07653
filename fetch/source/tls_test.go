package source_test

import (
	"bytes"
	"crypto/x509"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/source"
	"github.com/autowasm/autowasm/internal/egress"
)

// A registry on this machine is one for which the registry client would try plain
// http.
func TestRegistryWithTLS(t *testing.T) {
	r := newRegistry(t, basicAuth)
	r.push(t, "team/filter:v1", filterImage(t, filter))
	secure := httptest.NewUnstartedServer(r)
	secure.Config.ErrorLog = silent
	secure.StartTLS()
	defer secure.Close()
	host := strings.TrimPrefix(secure.URL, "https://")
	pool := x509.NewCertPool()
	pool.AddCert(secure.Certificate())
	tests := []struct {
		name    string
		options source.Options
		want    *failed
	}{
		{"its authority", source.Options{Guard: egress.Options{RootCAs: pool}}, nil},
		{"insecure", source.Options{Guard: egress.Options{InsecureHosts: []string{host}}}, nil},
		{"another insecure host", source.Options{Guard: egress.Options{InsecureHosts: []string{"reg.example"}}}, &failed{v1alpha1.ReasonUnavailable, false, 0}},
		{"declared as plain", source.Options{Guard: egress.Options{RootCAs: pool}, PlainHTTPHosts: []string{host}}, &failed{v1alpha1.ReasonUnavailable, false, 0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.options.Reader = cluster{pullSecret(password, host)}
			s := newSourcesWith(t, tt.options)
			_, got, err := read(t.Context(), s, imageRequest(host+"/team/filter:v1", "regcred"))
			if tt.want != nil {
				wantFailure(t, err, *tt.want)
			} else if err != nil || !bytes.Equal(got, filter) {
				t.Errorf("read %d bytes, %v", len(got), err)
			}
		})
	}
}

func TestRedirectOfARegistryThatLeavesTLS(t *testing.T) {
	r := newRegistry(t, open)
	r.push(t, "team/filter:v1", filterImage(t, filter))
	plain := "http://" + r.host
	secure := httptest.NewTLSServer(r)
	defer secure.Close()
	r.interfere = at("/manifests/", redirectTo(plain+"/v2/team/filter/elsewhere"))
	s := newSourcesWith(t, source.Options{Guard: egress.Options{InsecureHosts: []string{"127.0.0.1"}}})
	_, err := s.Resolve(t.Context(), imageRequest(strings.TrimPrefix(secure.URL, "https://")+"/team/filter:v1", ""))
	wantFailure(t, err, terminal(v1alpha1.ReasonAddressRefused), "leaves TLS")
}

// The check when dialling is the only one that a name cannot get around; what it
// says must come through the registry client.
func TestNameOfADeniedAddress(t *testing.T) {
	r := newRegistry(t, open)
	host := strings.Replace(r.host, "127.0.0.1", "localhost", 1)
	denied := egress.Options{DenyCIDRs: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}}
	for name, plain := range map[string][]string{"plain": {host}, "TLS": nil} {
		s := newSourcesWith(t, source.Options{Guard: denied, PlainHTTPHosts: plain})
		_, err := s.Resolve(t.Context(), imageRequest(host+"/team/filter:v1", ""))
		wantFailure(t, err, terminal(v1alpha1.ReasonAddressRefused), "it is in the denied range")
		_, err = s.Resolve(t.Context(), objectRequest("http://"+host+"/x?"+signed, ""))
		wantFailure(t, err, terminal(v1alpha1.ReasonAddressRefused), "it is in the denied range")
		if asked := r.asked(); len(asked) > 0 {
			t.Errorf("%s: asked for %v", name, asked)
		}
	}
}

func TestInvalidImages(t *testing.T) {
	for _, image := range []string{"", "UPPER/case", "reg.example/team/filter:v 1", "reg.example/team/filter@sha256:abc", "reg.example/a/b@md5:" + strings.Repeat("0", 32), "https://reg.example/team/filter:v1", "reg.example/team/filter:" + strings.Repeat("x", 200)} {
		_, err := newSources(t, nil).Resolve(t.Context(), imageRequest(image, ""))
		wantFailure(t, err, terminal(v1alpha1.ReasonInvalidSource), "is not a reference such as registry.example/team/filter:v1")
	}
}
