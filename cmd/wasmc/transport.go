package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/spf13/pflag"
)

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
	return &schemeKeeper{host: host, scheme: o.scheme(host), next: base}, nil
}

// scheme never chooses HTTP by itself for a host that is not this one.
func (o *transportOptions) scheme(host string) string {
	if o.plainHTTP || isLocal(host) && !o.insecure && o.caFile == "" {
		return "http"
	}
	return "https"
}

func isLocal(host string) bool {
	bare := host
	if i := strings.LastIndex(host, ":"); i > strings.LastIndex(host, "]") {
		bare = host[:i]
	}
	return bare == "localhost" || bare == "127.0.0.1" || bare == "[::1]"
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
