package render

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/istio"
)

// FieldManager is the name under which the server writes to EnvoyFilters.
const FieldManager = "autowasm"

// maxLabelValue is what the API server accepts.
const maxLabelValue = 63

// NameLabel returns the value of LabelName for an AutoWasm's name: the name
// itself, or its beginning and a hash of the whole when it is longer than a label
// may be.
func NameLabel(name string) string {
	if len(name) <= maxLabelValue {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	hash := hex.EncodeToString(sum[:])[:10]
	return name[:maxLabelValue-len(hash)-1] + "-" + hash
}

func labels(aw *v1alpha1.AutoWasm) map[string]string {
	out := map[string]string{
		v1alpha1.LabelManagedBy: v1alpha1.ManagedBy,
		v1alpha1.LabelName:      NameLabel(aw.Name),
	}
	if revision, ok := aw.Labels[istio.LabelRevision]; ok {
		out[istio.LabelRevision] = revision
	}
	return out
}

func annotations(aw *v1alpha1.AutoWasm, m Module, o Options, plugin Plugin) map[string]string {
	out := map[string]string{
		v1alpha1.AnnotationOwner:  ownerOf(aw.Namespace, aw.Name),
		v1alpha1.AnnotationModule: m.SHA256,
		v1alpha1.AnnotationPlugin: plugin.String(),
	}
	set(out, v1alpha1.AnnotationReload, reloadText(m.Reload))
	set(out, istio.AnnotationReferencedServices, referencedServices(&aw.Spec.Filter, o.Cluster))
	return out
}

func ownerOf(namespace, name string) string { return namespace + "/" + name }

// referencedServices is the module server as the annotation names it, "" when there
// is nothing to say: a filter that is not for gateways must not add a cluster to one
// that it selects beside sidecars.
func referencedServices(f *v1alpha1.Filter, cluster string) string {
	if f.Context != v1alpha1.Gateway {
		return ""
	}
	host := istio.HostOf(cluster)
	if namespace := istio.NamespaceOf(host); namespace != "" {
		return namespace + "/" + host
	}
	return host
}
