// SPDX-License-Identifier: Apache-2.0

package migrate

import (
	"slices"
	"strings"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/istio"
)

// serverFields are those of metadata that the API server fills, or others in its name.
var serverFields = []string{
	"uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds",
	"managedFields", "selfLink", "ownerReferences", "finalizers",
}

// ofTools begin the keys of labels and annotations by which tools know their own objects: a copy would have them
// change or delete the AutoWasm.
var ofTools = []string{
	"kubectl.kubernetes.io/", "argocd.argoproj.io/", "kustomize.toolkit.fluxcd.io/", "helm.toolkit.fluxcd.io/",
	"meta.helm.sh/", "helm.sh/", "app.kubernetes.io/managed-by", "app.kubernetes.io/instance",
	istio.AnnotationReferencedServices,
}

func (m *migration) readMetadata(s *subject, metadata *fields) {
	metadata.take("name")
	if s.object.Name() == "" {
		s.refuse("metadata.name", "the object has no name of its own: give it one")
	}
	s.meta.Namespace = metadata.text("namespace")
	s.meta.Labels = metadata.withoutTools("labels")
	s.meta.Annotations = metadata.withoutTools("annotations")
	metadata.leaveOut("the API server fills it", serverFields...)
	m.allowMeshWide(s)
}

// withoutTools returns labels or annotations, nil for none.
func (f *fields) withoutTools(name string) map[string]string {
	path := f.at(name)
	all := f.strings(name)
	for key := range all {
		if slices.ContainsFunc(ofTools, func(prefix string) bool { return strings.HasPrefix(key, prefix) }) {
			delete(all, key)
			f.found.leftOut(join(path, key), "a tool knows its own objects by it")
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

// allowMeshWide consents to what the old object does already.
func (m *migration) allowMeshWide(s *subject) {
	if s.meta.Namespace == "" || s.meta.Namespace != m.options.RootNamespace {
		return
	}
	if s.meta.Annotations == nil {
		s.meta.Annotations = map[string]string{}
	}
	s.meta.Annotations[v1alpha1.AnnotationAllowMeshWide] = "true"
	s.changed("metadata.namespace", "%s is Istio's root namespace, so the filter runs in the selected proxies of every namespace: the annotation %s says that this is wanted",
		s.meta.Namespace, v1alpha1.AnnotationAllowMeshWide)
}
