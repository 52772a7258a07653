// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"
)

// manifest reads the only object of a file below manifests/.
func manifest[T any](t *testing.T, path string) T {
	t.Helper()
	raw, err := os.ReadFile("../../manifests/" + path)
	if err != nil {
		t.Fatal(err)
	}
	var object T
	if err := yaml.UnmarshalStrict(raw, &object); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return object
}

func deployed(t *testing.T) (corev1.PodSpec, *options) {
	t.Helper()
	pod := manifest[appsv1.Deployment](t, "workload/deployment.yaml").Spec.Template.Spec
	o, _, err := execute(t, pod.Containers[0].Args...)
	if err != nil {
		t.Fatalf("the deployment's arguments: %v", err)
	}
	return pod, o
}

// A volume above its limit has the pod evicted, with all that it serves.
func TestStoreFitsItsVolume(t *testing.T) {
	pod, o := deployed(t)
	limit := pod.Volumes[0].EmptyDir.SizeLimit.Value()
	underWay := int64(o.fetch.MaxConcurrent) * o.store.MaxModuleBytes
	if o.store.MaxTotalBytes <= 0 || o.store.MaxTotalBytes+2*underWay > limit {
		t.Errorf("--max-store-bytes=%d and %d bytes under way do not fit into %d", o.store.MaxTotalBytes, underWay, limit)
	}
}

// Pods of another revision do not count for the spread: those that a roll replaces are gone after it.
func TestReplicasSpreadOverNodes(t *testing.T) {
	pod, _ := deployed(t)
	revision := []string{appsv1.DefaultDeploymentUniqueLabelKey}
	for _, constraint := range pod.TopologySpreadConstraints {
		if constraint.TopologyKey == corev1.LabelHostname && slices.Equal(constraint.MatchLabelKeys, revision) {
			return
		}
	}
	t.Errorf("no constraint spreads the replicas of one revision over nodes: %+v", pod.TopologySpreadConstraints)
}

// Each of the files by which wasmer and istiod authenticate each other is mounted. The root certificates may come later.
func TestCredentialsForIstiodAreMounted(t *testing.T) {
	pod, o := deployed(t)
	files := map[string]string{}
	for _, mount := range pod.Containers[0].VolumeMounts {
		for _, volume := range pod.Volumes {
			if volume.Name != mount.Name || volume.Projected == nil {
				continue
			}
			for _, source := range volume.Projected.Sources {
				if token := source.ServiceAccountToken; token != nil {
					files[mount.MountPath+"/"+token.Path] = fmt.Sprintf("token for %s, %d s", token.Audience, *token.ExpirationSeconds)
				}
				if certs := source.ConfigMap; certs != nil {
					files[mount.MountPath+"/"+certs.Items[0].Path] = fmt.Sprintf("%s of %s, optional %t", certs.Items[0].Key, certs.Name, *certs.Optional)
				}
			}
		}
	}
	want := map[string]string{
		o.istiodTokenFile: "token for istio-ca, 600 s",
		o.istiodCAFile:    "root-cert.pem of istio-ca-root-cert, optional true",
	}
	if diff := cmp.Diff(want, files); diff != "" {
		t.Errorf("mounted (-want +got):\n%s", diff)
	}
}

func TestShutdownFitsItsGracePeriod(t *testing.T) {
	pod, o := deployed(t)
	grace := time.Duration(*pod.TerminationGracePeriodSeconds) * time.Second
	served := moduleServerOptions(o, nil, nil).DrainTimeout
	if served <= 0 || served > drainTimeout {
		t.Errorf("the module server drains for %s, the manager for %s", served, drainTimeout)
	}
	if longest := o.shutdownDelay + max(served, drainTimeout); longest >= grace {
		t.Errorf("a shutdown takes %s at most, the pod is killed after %s", longest, grace)
	}
}

// Each verb is one that the code uses: leader election reads, creates and updates
// its Lease, and statuses are patched.
func TestVerbs(t *testing.T) {
	got := map[string]string{}
	rules := append(manifest[rbacv1.ClusterRole](t, "rbac/clusterrole.yaml").Rules, manifest[rbacv1.Role](t, "rbac/role.yaml").Rules...)
	for _, rule := range rules {
		for _, resource := range rule.Resources {
			got[strings.Join(append([]string{resource}, rule.ResourceNames...), " ")] += strings.Join(rule.Verbs, " ") + ";"
		}
	}
	want := map[string]string{
		"autowasms":                              "get list watch;",
		"autowasms/status":                       "patch;",
		"autowasms/finalizers":                   "update;",
		"envoyfilters":                           "get list watch create patch update delete;",
		"secrets":                                "get;create;",
		"configmaps":                             "get list watch;",
		"namespaces":                             "get list watch;",
		"pods":                                   "list watch;",
		"services":                               "list watch;",
		"sidecars":                               "list watch;",
		"serviceentries":                         "list watch;",
		"workloadentries":                        "list watch;",
		"destinationrules":                       "list watch;",
		"peerauthentications":                    "list watch;",
		"events":                                 "create patch;",
		"mutatingwebhookconfigurations wasmer":   "get list watch patch;",
		"validatingwebhookconfigurations wasmer": "get list watch patch;",
		"secrets wasmer-webhook-ca":              "get list watch update;",
		"secrets wasmer-modules":                 "get patch;",
		"leases":                                 "create;",
		"leases wasmer":                          "get update;",
		"endpointslices":                         "list watch;",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The policy keeps every port reachable but that of health, and the webhook's for named addresses alone.
func TestNetworkPolicyNamesEveryPort(t *testing.T) {
	policy := manifest[networkingv1.NetworkPolicy](t, "options/networkpolicy.yaml")
	deployment := manifest[appsv1.Deployment](t, "workload/deployment.yaml")
	if diff := cmp.Diff(deployment.Spec.Selector, &policy.Spec.PodSelector); diff != "" || policy.Namespace != deployment.Namespace {
		t.Errorf("policy in %s for (-deployment +policy):\n%s", policy.Namespace, diff)
	}
	narrowed := map[string]bool{}
	for _, rule := range policy.Spec.Ingress {
		for _, port := range rule.Ports {
			narrowed[port.Port.StrVal] = len(rule.From) > 0
		}
	}
	want := map[string]bool{}
	for _, port := range deployment.Spec.Template.Spec.Containers[0].Ports {
		want[port.Name] = port.Name == "webhook"
	}
	delete(want, "http-health") // the kubelet is on the Pod's own node
	if diff := cmp.Diff(want, narrowed); diff != "" {
		t.Errorf("ports that are narrowed (-want +got):\n%s", diff)
	}
}
