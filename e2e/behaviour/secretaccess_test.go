// SPDX-License-Identifier: Apache-2.0

package behaviour

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// TestSecretsAreNotListed: by the manifests wasmer, which runs the other tests with these rights, gets Secrets by name.
func TestSecretsAreNotListed(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	want := map[string]bool{"get": true, "list": false, "watch": false, "create": false}
	if diff := cmp.Diff(want, secretVerbs(t, ns, "system:serviceaccount:istio-system:wasmer")); diff != "" {
		t.Errorf("may (-want +got):\n%s", diff)
	}
}

// TestSecretsOfListedNamespaces: with the component, in those namespaces alone that grant it. Under another name, since
// the environment's own wasmer keeps its rights.
func TestSecretsOfListedNamespaces(t *testing.T) {
	t.Parallel()
	const name, user = "listed-secrets-test", "system:serviceaccount:istio-system:listed-secrets-test"
	rename := strings.NewReplacer("\n  name: wasmer\n", "\n  name: "+name+"\n").Replace
	for _, object := range strings.Split(kustomize(t, withComponent(t, "listed-secrets")), "\n---\n") {
		if strings.Contains(object, "\nkind: ClusterRole\nmetadata:\n  labels:\n    app.kubernetes.io/name: wasmer\n  name: wasmer\n") || strings.Contains(object, "\nkind: ClusterRoleBinding\n") {
			cluster.Apply(t, "", rename(object+"\n"))
		}
	}
	t.Cleanup(func() {
		if _, err := cluster.Kubectl(context.Background(), "delete", "clusterrole,clusterrolebinding", name); err != nil {
			t.Log(err)
		}
	})
	listed, other := cluster.Namespace(t), cluster.Namespace(t)
	grant, err := cluster.Kubectl(t.Context(), "create", "--dry-run=client", "-o", "yaml", "-n", listed, "-f",
		filepath.Join(cluster.Checkout, "manifests", "options", "listed-secrets", "namespace.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	cluster.Apply(t, listed, rename(grant.Stdout))
	for ns, get := range map[string]bool{listed: true, other: false} {
		want := map[string]bool{"get": get, "list": false, "watch": false, "create": false}
		if diff := cmp.Diff(want, secretVerbs(t, ns, user)); diff != "" {
			t.Errorf("in namespace %s it may (-want +got):\n%s", ns, diff)
		}
	}
	if !may(t, user, authorizationv1.ResourceAttributes{Verb: "list", Group: "wasm.tcm.io", Resource: "autowasms"}) {
		t.Error("it may not list AutoWasms any more")
	}
}

// secretVerbs are what a user may do with the Secrets of a namespace.
func secretVerbs(t *testing.T, ns, user string) map[string]bool {
	t.Helper()
	verbs := map[string]bool{}
	for _, verb := range []string{"get", "list", "watch", "create"} {
		verbs[verb] = may(t, user, authorizationv1.ResourceAttributes{Namespace: ns, Verb: verb, Resource: "secrets"})
	}
	return verbs
}

// may asks the API server what a service account may do.
func may(t *testing.T, user string, what authorizationv1.ResourceAttributes) bool {
	t.Helper()
	client, err := kubernetes.NewForConfig(cluster.RESTConfig)
	if err != nil {
		t.Fatal(err)
	}
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{User: user, ResourceAttributes: &what}}
	answer, err := client.AuthorizationV1().SubjectAccessReviews().Create(t.Context(), review, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return answer.Status.Allowed
}
