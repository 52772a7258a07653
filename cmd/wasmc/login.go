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
itself. Without -p or --password-stdin the password is asked for.`,
		Example: `  wasmc login registry.example -u robot --password-stdin < token`,
		Args:    exactly("HOST"),
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

// readPassword takes the password from standard input, or asks for it.
func (o *loginOptions) readPassword(s streams) error {
	var err error
	switch {
	case o.password != "":
	case o.passwordStdin:
		o.password, err = readSecret(s.In)
	case isTerminal(s.In):
		o.password, err = askPassword(s)
	default:
		return usagef("login wants a password: --password-stdin")
	}
	return err
}

func askPassword(s streams) (string, error) {
	fmt.Fprint(s.Err, "Password: ")
	defer fmt.Fprintln(s.Err)
	raw, err := term.ReadPassword(int(s.In.(*os.File).Fd()))
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	return string(raw), nil
}

// verify has the registry look at the credentials.
func (o *loginOptions) verify(ctx context.Context, registry name.Registry) error {
	base, err := o.transport(registry.RegistryStr())
	if err != nil {
		return err
	}
	auth := &authn.Basic{Username: o.username, Password: o.password}
	authorized, err := transport.NewWithContext(ctx, registry, auth, base, nil)
	if err != nil {
		return attempted(err)
	}
	url := fmt.Sprintf("%s://%s/v2/", o.scheme(registry.RegistryStr()), registry.RegistryStr())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
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

// hinted is an error that brings its own hint.
type hinted struct {
	error
	hint string
}

func (e hinted) Unwrap() error { return e.error }

// rejected is about credentials that were just given: to log in is no help.
func rejected(err error) error {
	if refused, ok := errors.AsType[*transport.Error](err); ok && refused.StatusCode == http.StatusUnauthorized {
		return hinted{err, "check the user name and the password"}
	}
	return err
}

// store warns, within docker's own code, where the password is kept in the clear.
func (o *loginOptions) store(registry name.Registry) error {
	file, err := loadDockerConfig()
	if err != nil {
		return err
	}
	key := serverKey(registry.RegistryStr())
	err = file.GetCredentialsStore(key).Store(types.AuthConfig{ServerAddress: key, Username: o.username, Password: o.password})
	if err != nil {
		return fmt.Errorf("remember the credentials: %w", err)
	}
	return nil
}
