// SPDX-License-Identifier: Apache-2.0

// Command pilot-agent is Istio's own agent beside a proxy, built from its Go module at the version in go.mod. It differs
// from pilot/cmd/pilot-agent in that it does not import automemlimit, whose checksum Istio's module does not have.
package main

import (
	"os"

	meshconfig "istio.io/api/mesh/v1alpha1"
	"istio.io/istio/pilot/cmd/pilot-agent/app"
	istioagent "istio.io/istio/pkg/istio-agent"
	"istio.io/istio/pkg/log"
	"istio.io/istio/pkg/security"
	"istio.io/istio/security/pkg/nodeagent/sds"
)

func main() {
	log.EnableKlogWithCobra()
	if err := app.NewRootCommand(newSDS).Execute(); err != nil {
		log.Error(err)
		os.Exit(1)
	}
}

func newSDS(o *security.Options, secrets security.SecretManager, keys *meshconfig.PrivateKeyProvider) istioagent.SDSService {
	return sds.NewServer(o, secrets, keys)
}
