package render

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// check refuses what cannot be rendered faithfully. It trusts no schema: render
// is also reached by objects that no API server has seen.
func check(aw *v1alpha1.AutoWasm, m Module, o Options) error {
	if err := o.check(); err != nil {
		return err
	}
	if !v1alpha1.IsSHA256(m.SHA256) {
		return fmt.Errorf("the module's sha256 is %q: it must be 64 lower-case hex digits, and is known only once the source is resolved", m.SHA256)
	}
	problems := append(checkName(aw), checkFilter(&aw.Spec.Filter, field.NewPath("spec", "filter"))...)
	return joined(problems)
}

// joined keeps each *field.Error within reach of errors.As.
func joined(problems field.ErrorList) error {
	errs := make([]error, len(problems))
	for i, problem := range problems {
		errs[i] = problem
	}
	return errors.Join(errs...)
}

func checkName(aw *v1alpha1.AutoWasm) (problems field.ErrorList) {
	metadata := field.NewPath("metadata")
	if aw.Namespace == "" {
		problems = append(problems, field.Required(metadata.Child("namespace"), "the EnvoyFilter takes effect in the AutoWasm's own namespace: set one"))
	}
	if aw.Name == "" {
		problems = append(problems, field.Required(metadata.Child("name"), "the EnvoyFilter is named as the AutoWasm: set a name"))
	}
	return problems
}

func checkFilter(f *v1alpha1.Filter, path *field.Path) (problems field.ErrorList) {
	if _, ok := patchContexts[f.Context]; !ok {
		problems = append(problems, field.NotSupported(path.Child("context"), f.Context, []v1alpha1.Context{v1alpha1.Inbound, v1alpha1.Outbound, v1alpha1.Gateway}))
	}
	if _, ok := failurePolicies[f.FailurePolicy]; !ok {
		problems = append(problems, field.NotSupported(path.Child("failurePolicy"), f.FailurePolicy, []v1alpha1.FailurePolicy{v1alpha1.FailClosed, v1alpha1.FailOpen, v1alpha1.FailReload}))
	}
	if _, err := regexp.Compile(f.ProxyVersion); err != nil {
		problems = append(problems, field.Invalid(path.Child("proxyVersion"), f.ProxyVersion, fmt.Sprintf("%v: write a regular expression of the RE2 syntax, such as ^1\\.2[0-9].*", err)))
	}
	problems = append(problems, checkPorts(f.ApplyPorts, path.Child("applyPorts"))...)
	return append(problems, checkEnv(f.Env, path.Child("env"))...)
}

func checkPorts(ports []v1alpha1.Port, path *field.Path) (problems field.ErrorList) {
	for i, port := range ports {
		if port < 1 || port > 65535 {
			problems = append(problems, field.Invalid(path.Index(i), int64(port), "must be a port from 1 to 65535; leave applyPorts out for all ports"))
		}
	}
	return problems
}

// checkEnv also refuses what Envoy would: one variable both set and taken from
// the host.
func checkEnv(env []v1alpha1.EnvVar, path *field.Path) (problems field.ErrorList) {
	seen := make(map[string]bool, len(env))
	for i, variable := range env {
		at := path.Index(i)
		switch {
		case variable.Name == "" || strings.ContainsAny(variable.Name, "=\x00"):
			problems = append(problems, field.Invalid(at.Child("name"), variable.Name, "must be the name of an environment variable, without '='"))
		case seen[variable.Name]:
			problems = append(problems, field.Duplicate(at.Child("name"), variable.Name))
		case variable.FromHost && variable.Value != "":
			problems = append(problems, field.Invalid(at, variable.Name, "value and fromHost exclude each other: set a value, or take it from the proxy's environment"))
		}
		seen[variable.Name] = true
	}
	return problems
}
