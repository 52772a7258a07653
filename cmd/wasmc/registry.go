package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/spf13/pflag"
)

// maxSecret is the longest password, in bytes, that is read from standard input.
const maxSecret = 64 << 10

// registryOptions say how to reach a registry, and as whom.
type registryOptions struct {
	transportOptions
	username      string
	passwordStdin bool
}

func (o *registryOptions) bind(flags *pflag.FlagSet) {
	o.transportOptions.bind(flags)
	flags.StringVarP(&o.username, "username", "u", "", "user name at the registry; goes before docker's and podman's credentials")
	flags.BoolVar(&o.passwordStdin, "password-stdin", false, "read the password from standard input")
}

// check finds flags that contradict each other.
func (o *registryOptions) check() error {
	if (o.username != "") != o.passwordStdin {
		return usagef("--username and --password-stdin belong together")
	}
	return o.transportOptions.check()
}

// registryClient speaks to the registry of one host.
type registryClient struct {
	transport http.RoundTripper
	auth      remote.Option
}

// client prepares to speak to a host; it does not connect yet.
func (o *registryOptions) client(host string, stdin io.Reader) (*registryClient, error) {
	transport, err := o.transport(host)
	if err != nil {
		return nil, err
	}
	auth, err := o.auth(stdin)
	if err != nil {
		return nil, err
	}
	return &registryClient{transport: transport, auth: auth}, nil
}

func (o *registryOptions) auth(stdin io.Reader) (remote.Option, error) {
	if o.username == "" {
		return remote.WithAuthFromKeychain(localKeychain()), nil
	}
	password, err := readSecret(stdin)
	if err != nil {
		return nil, err
	}
	return remote.WithAuth(&authn.Basic{Username: o.username, Password: password}), nil
}

// readSecret reads a password up to its line break.
func readSecret(r io.Reader) (string, error) {
	raw, err := io.ReadAll(io.LimitReader(r, maxSecret))
	if err != nil {
		return "", fmt.Errorf("read the password from standard input: %w", err)
	}
	secret := strings.TrimRight(string(raw), "\r\n")
	if secret == "" {
		return "", fmt.Errorf("read the password from standard input: it is empty")
	}
	return secret, nil
}

// options are those of each call.
func (c *registryClient) options(ctx context.Context) []remote.Option {
	return []remote.Option{
		remote.WithContext(ctx), c.auth, remote.WithTransport(c.transport), remote.WithUserAgent("wasmc/" + version),
	}
}

// parseReference parses an image reference, and names the registry's host.
func parseReference(image string) (name.Reference, string, error) {
	ref, err := name.ParseReference(image)
	if err != nil {
		return nil, "", usagef("%q is not an image reference such as registry.example/team/filter:v1: %w", image, err)
	}
	return ref, ref.Context().RegistryStr(), nil
}
