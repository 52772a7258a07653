package source

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	corev1 "k8s.io/api/core/v1"
)

// The registry client knows Docker Hub by a name that nobody writes.
func TestNamesOfDockerHub(t *testing.T) {
	for _, key := range []string{"docker.io", "docker.io/team", "index.docker.io", "https://index.docker.io/v1/"} {
		secret := &corev1.Secret{Type: corev1.SecretTypeDockerConfigJson, Data: map[string][]byte{
			corev1.DockerConfigJsonKey: []byte(`{"auths":{"` + key + `":{"username":"a","password":"b"}}}`),
		}}
		for image, want := range map[string]bool{"team/filter": true, "docker.io/team/filter": true, "reg.example/team/filter": false} {
			repo, err := name.NewRepository(image)
			if err != nil {
				t.Fatal(err)
			}
			auth, err := authFor(t.Context(), secret, repo)
			if err != nil {
				t.Fatal(err)
			}
			if got := !(credentials{auth: auth}).anonymous(); got != want {
				t.Errorf("key %s for %s: %v, want %v", key, image, got, want)
			}
		}
	}
}

// Nothing about a host's name or address may lead to plain http.
func TestScheme(t *testing.T) {
	s := New(Options{PlainHTTPHosts: []string{"plain.example", "10.0.0.1:5000"}})
	tests := map[string]string{
		"reg.example/team/filter":     "https",
		"localhost:5000/team/filter":  "https",
		"127.0.0.1:5000/team/filter":  "https",
		"10.0.0.1/team/filter":        "https",
		"10.0.0.1:5000/team/filter":   "http",
		"192.168.1.1/team/filter":     "https",
		"reg.localhost/team/filter":   "https",
		"[::1]:5000/team/filter":      "https",
		"plain.example/team/filter":   "http",
		"plain.example:1/team/filter": "http",
	}
	for image, want := range tests {
		ref, err := s.parseReference(image)
		if err != nil {
			t.Errorf("%s: %v", image, err)
			continue
		}
		if got := s.scheme(ref.Context()); got != want {
			t.Errorf("%s: %s, want %s", image, got, want)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	tests := map[string]time.Duration{
		"":                              0,
		"0":                             0,
		"-5":                            0,
		"soon":                          0,
		"30":                            30 * time.Second,
		"3601":                          time.Hour,
		"99999999999999999999":          0,
		"Fri, 02 Jan 2026 03:05:05 GMT": time.Minute,
		"Fri, 02 Jan 2026 03:04:00 GMT": 0,
		"Sat, 02 Jan 2027 03:04:00 GMT": time.Hour,
	}
	for value, want := range tests {
		if got := retryAfter(value, now); got != want {
			t.Errorf("%q: %s, want %s", value, got, want)
		}
	}
}

// What a server sends may hold anything; it may also be sent back what it was.
func TestForeignText(t *testing.T) {
	s := &session{shown: credentials{values: []string{"s3cret", "dTpzM2NyZXQ="}}}
	tests := []struct {
		name string
		err  error
		want string
	}{
		{"plain", errors.New("boom"), "boom"},
		{"URL", &url.Error{Op: "Get", URL: "https://x?sig=abc", Err: errors.New("boom")}, "boom"},
		{"URL within", errors.New(`Get "https://x/y?sig=abc": boom, http://z?q`), `Get "https://x/y?…": boom, http://z?…`},
		{"lines", errors.New("boom\nand more"), "boom"},
		{"long", errors.New(strings.Repeat("x", 299) + "ä" + strings.Repeat("x", 99)), strings.Repeat("x", 299) + "…"},
		{"credentials", errors.New("you sent dTpzM2NyZXQ= (s3cret)"), "you sent REDACTED (REDACTED)"},
	}
	for _, tt := range tests {
		got := explainNetwork(t.Context(), tt.err, "get x", s.redact)
		if want := "get x: " + tt.want; got.Error() != want {
			t.Errorf("%s: %q, want %q", tt.name, got, want)
		}
		if !errors.Is(got, tt.err) {
			t.Errorf("%s: the cause is lost", tt.name)
		}
	}
}
