package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// hintFor says what may help against an error; empty when nothing is known to.
func hintFor(err error) string {
	if own, ok := errors.AsType[hinted](err); ok {
		return own.hint
	}
	switch text := err.Error(); {
	case isUntrusted(err):
		return "the registry's certificate is not trusted: name its authority with --ca-file"
	case isPlainAnswer(err):
		return "the registry speaks HTTP: allow it with --plain-http"
	case strings.Contains(text, "malformed HTTP response"), strings.Contains(text, "HTTP request to an HTTPS server"):
		return "the registry speaks HTTPS: use --ca-file or --insecure"
	}
	if refused, ok := errors.AsType[*transport.Error](err); ok {
		return hintForStatus(refused)
	}
	return ""
}

func isUntrusted(err error) bool {
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, invalid := errors.AsType[x509.CertificateInvalidError](err)
	return unknown || invalid
}

// isPlainAnswer tells that the answer to a TLS handshake was none.
func isPlainAnswer(err error) bool {
	_, ok := errors.AsType[tls.RecordHeaderError](err)
	return ok
}

func hintForStatus(refused *transport.Error) string {
	host, method := "HOST", ""
	if refused.Request != nil {
		host, method = refused.Request.URL.Host, refused.Request.Method
	}
	putsManifest := method == http.MethodPut && strings.Contains(refused.Request.URL.Path, "/manifests/")
	switch refused.StatusCode {
	case http.StatusUnauthorized:
		return fmt.Sprintf("log in first: wasmc login %s -u USER", host)
	case http.StatusForbidden, http.StatusMethodNotAllowed, http.StatusUnsupportedMediaType:
		if putsManifest {
			return "check that you may push there; some registries take only images: try --format image"
		}
	case http.StatusNotFound:
		return "check the name and the tag; some registries also hide what one may not read"
	case http.StatusTooManyRequests:
		return "the registry asks for patience: try again later"
	}
	return ""
}
