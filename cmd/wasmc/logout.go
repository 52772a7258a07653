package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newLogoutCommand(s streams) *cobra.Command {
	return &cobra.Command{
		Use:   "logout HOST",
		Short: "Forget the credentials for a registry",
		Args:  exactly("HOST"),
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
	key := serverKey(registry.RegistryStr())
	if err := file.GetCredentialsStore(key).Erase(key); err != nil {
		return fmt.Errorf("forget the credentials: %w", err)
	}
	_, err = fmt.Fprintf(s.Out, "Removed the login credentials for %s\n", host)
	return err
}
