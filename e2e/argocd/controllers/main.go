// SPDX-License-Identifier: Apache-2.0

// Command controllers is Argo CD's application controller and its repo server in one binary, as users have them, and their
// cache, picked by the first argument:
//
//	controllers argocd-application-controller [flag...]
//	controllers argocd-repo-server [flag...]
//	controllers redis -address=HOST:PORT
//
// Argo CD's own binary has its web server, its command line and more beside the two, which would take as long again to build.
package main

import (
	"os"

	controller "github.com/argoproj/argo-cd/v3/cmd/argocd-application-controller/commands"
	reposerver "github.com/argoproj/argo-cd/v3/cmd/argocd-repo-server/commands"
	"github.com/spf13/cobra"
)

func main() {
	command := &cobra.Command{Use: "controllers", Short: "Argo CD's controllers", SilenceUsage: true}
	command.AddCommand(controller.NewCommand(), reposerver.NewCommand(), newRedisCommand())
	if err := command.Execute(); err != nil {
		os.Exit(1) // cobra has printed it
	}
}
