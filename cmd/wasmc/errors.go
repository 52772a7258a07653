// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/spf13/cobra"
)

// usageError is a wrong command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// hintedError is an error that has its own hint.
type hintedError struct {
	error
	hint string
}

func (e hintedError) Unwrap() error { return e.error }

// untestedError is why wasmc test ran no case, which is not the same as one that failed.
type untestedError struct{ error }

func (e untestedError) Unwrap() error { return e.error }

// wrap says what was attempted, and leaves nil and wrong usage alone.
func wrap(err error, format string, args ...any) error {
	if _, isUsage := errors.AsType[usageError](err); err == nil || isUsage {
		return err
	}
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), err)
}

// printError prints the error of a command, with a hint where one is known, and returns the exit code.
func printError(w io.Writer, command *cobra.Command, err error) int {
	code, hint := exitFailed, hintFor(err, command.Root().DisplayName())
	if _, isUsage := errors.AsType[usageError](err); isUsage {
		code, hint = exitUsage, fmt.Sprintf("see %s --help", command.CommandPath())
	}
	if _, isUntested := errors.AsType[untestedError](err); isUntested {
		code = exitUsage
	}
	if errors.Is(err, errIncomplete) {
		code = exitIncomplete
	}
	fmt.Fprintf(w, "wasmc: %s\n", oneLine(err.Error()))
	if hint != "" {
		fmt.Fprintf(w, "hint: %s\n", hint)
	}
	return code
}

// hintFor returns what may help against an error, and "" when nothing is known to. name is that of wasmc.
func hintFor(err error, name string) string {
	if hinted, ok := errors.AsType[hintedError](err); ok {
		return hinted.hint
	}
	_, noTLS := errors.AsType[tls.RecordHeaderError](err)
	switch text := err.Error(); {
	case isUntrusted(err):
		return "the registry's certificate is not trusted: name its authority with --ca-file"
	case noTLS:
		return "the registry speaks HTTP: allow it with --plain-http"
	case strings.Contains(text, "malformed HTTP response"), strings.Contains(text, "HTTP request to an HTTPS server"):
		return "the registry speaks HTTPS: use --ca-file or --insecure"
	}
	if status, ok := errors.AsType[*transport.Error](err); ok {
		return hintForStatus(status, name)
	}
	return ""
}

func isUntrusted(err error) bool {
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, invalid := errors.AsType[x509.CertificateInvalidError](err)
	return unknown || invalid
}

func hintForStatus(err *transport.Error, name string) string {
	host, putsManifest := "HOST", false
	if r := err.Request; r != nil {
		host, putsManifest = r.URL.Host, r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/manifests/")
	}
	switch err.StatusCode {
	case http.StatusUnauthorized:
		return fmt.Sprintf("log in first: %s login %s -u USER", name, host)
	case http.StatusForbidden, http.StatusMethodNotAllowed, http.StatusUnsupportedMediaType:
		if putsManifest {
			return "check that you may push there; some registries take only images: try --format image"
		}
	case http.StatusNotFound:
		return "check the name and the tag; some registries also hide what one may not read"
	case http.StatusTooManyRequests:
		return "the registry limits the rate of requests: try again later"
	}
	return ""
}
