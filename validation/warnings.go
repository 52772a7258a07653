// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"fmt"
	"strings"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/text"
)

// MaxWarning is below the length from which clients cut warnings, in characters.
const MaxWarning = 119

// Warning formats a warning for the user, in the one line that clients show whole.
func Warning(format string, args ...any) string {
	return text.TruncateRunes(text.OneLine(fmt.Sprintf(format, args...)), MaxWarning)
}

// specWarnings says what of the spec is allowed but may surprise.
func specWarnings(spec *v1alpha1.AutoWasmSpec) []string {
	var warnings []string
	f := &spec.Filter
	if spec.Secret != "" && f.Source.Registry == nil {
		warnings = append(warnings, Warning("spec.secret is not used: it is for registry sources"))
	}
	if f.FailurePolicy == v1alpha1.FailOpen {
		warnings = append(warnings, Warning("spec.filter.failurePolicy FailOpen: while the module cannot run, requests pass without the filter"))
	}
	if f.FailurePolicy == v1alpha1.FailClosed {
		warnings = append(warnings, Warning("spec.filter.failurePolicy FailClosed: one trap ends the filter in a worker, unseen; FailReload restarts it"))
	}
	if f.AllowPrecompiled {
		warnings = append(warnings, Warning("spec.filter.allowPrecompiled: Envoy runs native code from the module that nothing has verified"))
	}
	return append(warnings, sourceWarnings(f.Source)...)
}

func sourceWarnings(s v1alpha1.Source) []string {
	switch {
	case s.Registry != nil:
		return registryWarnings(*s.Registry)
	case s.Object == nil || s.Object.SHA256 != "":
		return nil
	case strings.HasPrefix(strings.ToLower(s.Object.URL), "http://"):
		return []string{Warning("spec.filter.source.object: http without sha256 runs whatever the network delivers; set sha256")}
	}
	return []string{Warning("spec.filter.source.object.sha256 is not set: whatever the URL serves at the time of the fetch runs")}
}

func registryWarnings(r v1alpha1.RegistrySource) []string {
	if v1alpha1.DefaultPullPolicy(r.Image) == v1alpha1.PullIfNotPresent {
		return nil
	}
	return []string{Warning("spec.filter.source.registry.image has no tag or latest: name a version or a digest, to know what runs")}
}
