// SPDX-License-Identifier: Apache-2.0

package attest

import (
	"github.com/autowasm/autowasm/release/program"
)

// provenance is a predicate of SLSA v1. What differs from run to run, such as times and machines, is left out of it.
type provenance struct {
	BuildDefinition buildDefinition `json:"buildDefinition"`
	RunDetails      runDetails      `json:"runDetails"`
}

type buildDefinition struct {
	BuildType            string            `json:"buildType"`
	ExternalParameters   map[string]string `json:"externalParameters"`
	InternalParameters   map[string]string `json:"internalParameters"`
	ResolvedDependencies []dependency      `json:"resolvedDependencies"`
}

type dependency struct {
	URI         string            `json:"uri"`
	Digest      map[string]string `json:"digest"`
	Annotations map[string]any    `json:"annotations,omitempty"`
}

type runDetails struct {
	Builder builder `json:"builder"`
}

type builder struct {
	ID string `json:"id"`
}

// buildType and builderID follow the repository's URL: `make image` on whichever machine it is run.
const (
	buildType = "/make-image/v1"
	builderID = "/make-image"
)

func newProvenance(b *program.Binary, from Source) provenance {
	internal := map[string]string{"go": b.Info.GoVersion}
	for _, setting := range b.Info.Settings {
		internal[setting.Key] = setting.Value
	}
	commit := dependency{URI: "git+" + from.URL, Digest: map[string]string{"gitCommit": from.Commit.Revision}}
	if from.Commit.Modified {
		commit.Annotations = map[string]any{"modified": true}
	}
	return provenance{
		BuildDefinition: buildDefinition{
			BuildType:            from.URL + buildType,
			ExternalParameters:   map[string]string{"program": b.Program.Name, "platform": b.Platform.String(), "version": b.Version},
			InternalParameters:   internal,
			ResolvedDependencies: []dependency{commit},
		},
		RunDetails: runDetails{Builder: builder{ID: from.URL + builderID}},
	}
}
