// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/docker/cli/cli/config/types"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

type loginOptions struct {
	transportOptions
	username      string
	password      string
	passwordStdin bool
}

func newLoginCommand(s streams) *cobra.Command {
	o := &loginOptions{}
	command := &cobra.Command{
		Use:   "login HOST -u USER",
		Short: "Log in to a registry",
		Long: `Try a user name and a password at a registry, and remember them where docker does:
in the credential helper of docker's configuration, or else in the configuration
itself. Without -p or --password-stdin a prompt asks for the password.`,
		Example: `  # Log in with a password from a file
  wasmc login registry.example -u robot --password-stdin < token`,
		Args:              exactly("HOST"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(command *cobra.Command, args []string) error {
			return wrap(o.run(command.Context(), s, args[0]), "log in to %s", args[0])
		},
	}
	flags := command.Flags()
	flags.StringVarP(&o.username, "username", "u", "", "user name")
	flags.StringVarP(&o.password, "password", "p", "", "password; other users of this machine can see it: prefer --password-stdin")
	flags.BoolVar(&o.passwordStdin, "password-stdin", false, "read the password from standard input")
	o.transportOptions.bind(flags)
	return command
}

func (o *loginOptions) run(ctx context.Context, s streams, host string) error {
	registry, err := o.check(host)
	if err != nil {
		return err
	}
	if err := o.readPassword(s); err != nil {
		return err
	}
	if err := o.verify(ctx, registry); err != nil {
		return rejected(err)
	}
	if err := o.store(registry); err != nil {
		return err
	}
	_, err = fmt.Fprintln(s.Out, "Login Succeeded")
	return err
}

func (o *loginOptions) check(host string) (name.Registry, error) {
	registry, err := parseHost(host)
	switch {
	case err != nil:
		return registry, err
	case o.username == "":
		return registry, usagef("login wants a user name: -u USER")
	case o.password != "" && o.passwordStdin:
		return registry, usagef("-p and --password-stdin exclude each other")
	}
	return registry, o.transportOptions.check()
}

func parseHost(host string) (name.Registry, error) {
	registry, err := name.NewRegistry(host, name.StrictValidation)
	if err != nil {
		return registry, usagef("%q is not a registry's host such as registry.example or registry.example:5000: %w", host, err)
	}
	return registry, nil
}

// readPassword reads the password from standard input, by a prompt on a terminal.
func (o *loginOptions) readPassword(s streams) (err error) {
	switch {
	case o.password != "":
	case o.passwordStdin:
		o.password, err = readPassword(s.In)
	case isTerminal(s.In):
		o.password, err = promptPassword(s)
	default:
		err = usagef("login wants a password: --password-stdin")
	}
	return err
}

func promptPassword(s streams) (string, error) {
	fmt.Fprint(s.Err, "Password: ")
	defer fmt.Fprintln(s.Err)
	raw, err := term.ReadPassword(int(s.In.(*os.File).Fd()))
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	return string(raw), nil
}

// verify calls the registry with the credentials.
func (o *loginOptions) verify(ctx context.Context, registry name.Registry) error {
	host := registry.RegistryStr()
	base, err := o.transport(host)
	if err != nil {
		return err
	}
	auth := &authn.Basic{Username: o.username, Password: o.password}
	authorized, err := transport.NewWithContext(ctx, registry, auth, base, nil)
	if err != nil {
		return withoutOtherScheme(err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s://%s/v2/", o.scheme(host), host), nil)
	if err != nil {
		return err
	}
	response, err := (&http.Client{Transport: authorized}).Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	return transport.CheckError(response, http.StatusOK)
}

// rejected gives the hint on wrong credentials in place of that to log in.
func rejected(err error) error {
	if status, ok := errors.AsType[*transport.Error](err); ok && status.StatusCode == http.StatusUnauthorized {
		return hintedError{err, "check the user name and the password"}
	}
	return err
}

// store keeps the credentials; docker's code prints a warning where it keeps them unencrypted.
func (o *loginOptions) store(registry name.Registry) error {
	file, err := loadDockerConfig()
	if err != nil {
		return err
	}
	key := dockerKey(registry.RegistryStr())
	err = file.GetCredentialsStore(key).Store(types.AuthConfig{ServerAddress: key, Username: o.username, Password: o.password})
	if err != nil {
		return fmt.Errorf("remember the credentials: %w", err)
	}
	return nil
}

func newLogoutCommand(s streams) *cobra.Command {
	return &cobra.Command{
		Use:   "logout HOST",
		Short: "Forget the credentials for a registry",
		Example: `  # Forget what wasmc login or docker login stored
  wasmc logout registry.example`,
		Args:              exactly("HOST"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(_ *cobra.Command, args []string) error {
			return wrap(logout(s, args[0]), "log out of %s", args[0])
		},
	}
}

func logout(s streams, host string) error {
	registry, err := parseHost(host)
	if err != nil {
		return err
	}
	file, err := loadDockerConfig()
	if err != nil {
		return err
	}
	key := dockerKey(registry.RegistryStr())
	if err := file.GetCredentialsStore(key).Erase(key); err != nil {
		return fmt.Errorf("forget the credentials: %w", err)
	}
	_, err = fmt.Fprintf(s.Out, "Removed the login credentials for %s\n", host)
	return err
}
