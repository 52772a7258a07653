// SPDX-License-Identifier: Apache-2.0

package migrate

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/manifest"
	"github.com/autowasm/autowasm/validation"
)

// contexts in the order in which their AutoWasms are printed.
var contexts = []v1alpha1.Context{v1alpha1.Inbound, v1alpha1.Outbound, v1alpha1.Gateway}

// subject is an old object that is being read.
type subject struct {
	*findings
	object manifest.Object
	meta   metav1.ObjectMeta
	spec   *fields
	// selectors choose the proxies: one AutoWasm for each.
	selectors []map[string]string
	// gateways says that these are gateways alone.
	gateways bool
	// loads are the clusters from which proxies loaded modules.
	loads  map[string]bool
	drafts []*draft
}

// draft is a filter of the old object. There is an AutoWasm of it for each context.
type draft struct {
	*findings
	filter v1alpha1.Filter
	secret string
	ports  map[v1alpha1.Context]ports
}

// ports of a context; the zero value has none.
type ports struct {
	all   bool
	named []v1alpha1.Port
}

func (p ports) with(port int64) ports {
	if port == 0 {
		p.all = true
	} else if !slices.Contains(p.named, v1alpha1.Port(port)) {
		p.named = append(p.named, v1alpha1.Port(port))
	}
	return p
}

// apply is the value of applyPorts.
func (p ports) apply() []v1alpha1.Port {
	if p.all {
		return nil
	}
	return slices.Sorted(slices.Values(p.named))
}

// in adds a port of a context; 0 stands for all.
func (d *draft) in(context v1alpha1.Context, port int64) {
	if d.ports == nil {
		d.ports = map[v1alpha1.Context]ports{}
	}
	d.ports[context] = d.ports[context].with(port)
}

func (d *draft) contexts() []v1alpha1.Context {
	return slices.DeleteFunc(slices.Clone(contexts), func(c v1alpha1.Context) bool {
		_, used := d.ports[c]
		return !used
	})
}

// emit makes the AutoWasms of what was read of an object.
func (m *migration) emit(s *subject) {
	if s.refused {
		return
	}
	for _, d := range s.drafts {
		if d.refused {
			continue
		}
		for _, selector := range s.selectors {
			m.emitDraft(s, d, selector)
		}
	}
}

func (m *migration) emitDraft(s *subject, d *draft, selector map[string]string) {
	used := d.contexts()
	for i, context := range used {
		suffix := ""
		if i > 0 {
			suffix = "-" + strings.ToLower(string(context))
		}
		aw := d.autoWasm(s.meta, context, selector)
		aw.Name = m.nameFor(s, suffix)
		if m.valid(s, aw) {
			m.result.Migrated = append(m.result.Migrated, Migrated{AutoWasm: aw, From: s.findings.object, At: s.object.At})
		}
	}
}

func (d *draft) autoWasm(meta metav1.ObjectMeta, context v1alpha1.Context, selector map[string]string) *v1alpha1.AutoWasm {
	aw := &v1alpha1.AutoWasm{ObjectMeta: *meta.DeepCopy()}
	aw.APIVersion, aw.Kind = v1alpha1.GroupVersion.String(), v1alpha1.Kind
	aw.Spec = v1alpha1.AutoWasmSpec{Secret: d.secret, Filter: *d.filter.DeepCopy()}
	for key, value := range selector {
		if aw.Spec.Selector.MatchLabels == nil {
			aw.Spec.Selector.MatchLabels = map[string]v1alpha1.LabelValue{}
		}
		aw.Spec.Selector.MatchLabels[key] = v1alpha1.LabelValue(value)
	}
	aw.Spec.Filter.ApplyPorts = d.ports[context].apply()
	if context != v1alpha1.Inbound {
		aw.Spec.Filter.Context = context
	}
	return aw
}

// nameFor is the name of the old object, or one like it where that is taken: an AutoWasm's EnvoyFilter has its name.
func (m *migration) nameFor(s *subject, suffix string) string {
	for n := 0; ; n++ { // ends: no more names are taken than there are objects
		name := s.object.Name() + stemSuffix(n) + suffix
		if key := s.meta.Namespace + "/" + name; !m.taken[key] {
			m.taken[key] = true
			s.sayName(name, n)
			return name
		}
	}
}

// sayName says why the name is another one.
func (s *subject) sayName(name string, n int) {
	if n > 0 {
		s.changed("metadata.name", "the AutoWasm is %s: its EnvoyFilter has its name, and %s is taken", name, s.object.Name())
	}
}

func stemSuffix(n int) string {
	switch n {
	case 0:
		return ""
	case 1:
		return "-wasm"
	}
	return fmt.Sprintf("-wasm-%d", n)
}

// valid reports whether the server would admit an AutoWasm, as far as a file shows.
func (m *migration) valid(s *subject, aw *v1alpha1.AutoWasm) bool {
	checked := aw.DeepCopy()
	if checked.Namespace == "" {
		checked.Namespace = metav1.NamespaceDefault
	}
	errs, _ := validation.Validate(checked, validation.Options{RootNamespace: m.options.RootNamespace})
	for _, err := range errs {
		s.refuse("", "the AutoWasm would be refused: %s: correct the old object", err)
	}
	return len(errs) == 0
}
