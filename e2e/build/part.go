// SPDX-License-Identifier: Apache-2.0

package build

import (
	"cmp"
	"fmt"
	"sort"
	"strings"
)

// What the programs of Kubernetes say that they are. These have to be the versions in the go.mod files of their modules.
const (
	KubernetesVersion      = "v1.37.0"  // of e2e/controlplane and e2e/kube
	FloorKubernetesVersion = "v1.30.14" // of e2e/apiserver-floor: the oldest minor release that is supported
)

// A Part is a third party's program that is built from a Go module of its own under e2e/.
type Part struct {
	Name    string // of the binary, and of the directory under e2e/ that holds its module, unless Module names that
	Module  string // the directory under e2e/ of a module with several programs
	Package string // the program's in the module, a tool of it, or "" for the module's own
	Title   string // what progress messages call it
	Takes   string // how long a first build takes on a small machine, for progress messages
	LDFlags []string
}

// ControlPlane is kube-apiserver, some controllers and kubectl in one binary, picked by its first
// argument or by the name it is called by.
var ControlPlane = Part{
	Name:    "controlplane",
	Title:   "kube-apiserver " + strings.TrimPrefix(KubernetesVersion, "v"),
	Takes:   "some 3 minutes",
	LDFlags: kubernetesLDFlags(KubernetesVersion),
}

// FloorAPIServer is kube-apiserver of the oldest Kubernetes that is supported. No other part of Kubernetes is built of
// that version, and none of the lists below has it.
var FloorAPIServer = Part{
	Name:    "apiserver-floor",
	Title:   "kube-apiserver " + strings.TrimPrefix(FloorKubernetesVersion, "v"),
	Takes:   "some 3 minutes",
	LDFlags: kubernetesLDFlags(FloorKubernetesVersion),
}

// Etcd is etcd's server.
var Etcd = Part{Name: "etcd", Title: "etcd", Takes: "half a minute"}

// Registry is the distribution registry.
var Registry = Part{Name: "registry", Title: "the registry", Takes: "half a minute"}

// Istiod is Istio's control plane.
var Istiod = Part{Name: "istiod", Title: "istiod", Takes: "some 2 minutes"}

// Kube is kubelet, kube-proxy, kube-scheduler and kube-controller-manager in one binary, picked as ControlPlane's programs
// are. A cluster with nodes takes it beside ControlPlane.
var Kube = Part{
	Name:    "kube",
	Title:   "kubelet and kube-proxy " + strings.TrimPrefix(KubernetesVersion, "v"),
	Takes:   "some 4 minutes",
	LDFlags: kubernetesLDFlags(KubernetesVersion),
}

// CoreDNS is a cluster's name server.
var CoreDNS = Part{Name: "coredns", Title: "CoreDNS", Takes: "some 2 minutes"}

// PilotAgent is Istio's agent in the image of its proxies.
var PilotAgent = Part{Name: "pilot-agent", Title: "Istio's pilot-agent", Takes: "a minute"}

// NetworkPolicies enforces NetworkPolicies on a node of a cluster.
var NetworkPolicies = Part{Name: "networkpolicies", Title: "kube-network-policies", Takes: "half a minute"}

// IstioCNI is Istio's CNI plugin, and its program that installs it, picked by the name it is called by.
var IstioCNI = Part{Name: "istio-cni", Title: "Istio's CNI plugin", Takes: "a minute"}

// Helm is Helm's command line. No environment runs it: it renders the chart and installs it.
var Helm = Part{Name: "helm", Title: "Helm", Takes: "a minute or two"}

// CertManager is cert-manager's controller and cainjector in one binary, picked by its first argument.
var CertManager = Part{Name: "certmanager", Title: "cert-manager", Takes: "a minute"}

// Flux is Flux's engine for server-side apply, as kustomize-controller calls it, and its push of artifacts.
var Flux = Part{Name: "flux", Title: "Flux's engine", Takes: "half a minute"}

// ArgoCD is Argo CD's engine for health, diff and sync, as its application controller calls it.
var ArgoCD = Part{Name: "argocd", Title: "Argo CD's engine", Takes: "some 3 minutes"}

// The controllers of Flux, as their users have them.
var (
	SourceController    = Part{Name: "source-controller", Module: Flux.Name, Package: "github.com/fluxcd/source-controller", Title: "Flux's source-controller", Takes: "some minutes"}
	KustomizeController = Part{Name: "kustomize-controller", Module: Flux.Name, Package: "github.com/fluxcd/kustomize-controller", Title: "Flux's kustomize-controller", Takes: "some minutes"}
)

// ArgoCDControllers is Argo CD's application controller, its repo server and their cache in one binary, picked by its first
// argument.
var ArgoCDControllers = Part{Name: "argocd-controllers", Module: ArgoCD.Name, Package: "./controllers", Title: "Argo CD's controllers", Takes: "some 3 minutes"}

// directory is that of the part's module under e2e/.
func (p Part) directory() string { return cmp.Or(p.Module, p.Name) }

// Parts are those of every environment, the longest build first.
func Parts() []Part { return []Part{ControlPlane, Etcd, Registry} }

// MeshParts are those that a mesh on top of an environment takes beside them.
func MeshParts() []Part { return []Part{Istiod} }

// TestParts are those that tests alone take, and what renders the manifests.
func TestParts() []Part { return []Part{Helm, CertManager, Flux, ArgoCD} }

// FluxParts are those that the tests of GitOps on a cluster take.
func FluxParts() []Part { return []Part{SourceController, KustomizeController, Flux} }

// ClusterParts are those that a cluster with nodes takes beside all others.
func ClusterParts() []Part { return []Part{Kube, CoreDNS, PilotAgent, IstioCNI, NetworkPolicies} }

// kubernetesLDFlags give the binary the version that its own release build would: without it clients see an
// empty version, and kubectl's version command ends with an error.
func kubernetesLDFlags(version string) []string {
	numbers := strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3)
	return versionFlags("k8s.io/component-base/version", map[string]string{
		"gitVersion": version, "gitMajor": numbers[0], "gitMinor": numbers[1],
	})
}

func versionFlags(pkg string, values map[string]string) []string {
	var flags []string
	for name, value := range values {
		flags = append(flags, fmt.Sprintf("-X=%s.%s=%s", pkg, name, value))
	}
	sort.Strings(flags) // they are part of the cache key
	return flags
}
