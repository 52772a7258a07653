// SPDX-License-Identifier: Apache-2.0

package suite

import (
	"context"
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Namespace makes a namespace for a test and returns its name. It is deleted
// after the test, in the background.
func (c *Cluster) Namespace(t testing.TB, annotations ...string) string {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "e2e-", Annotations: map[string]string{}}}
	for i := 0; i+1 < len(annotations); i += 2 {
		ns.Annotations[annotations[i]] = annotations[i+1]
	}
	if err := c.Client.Create(t.Context(), ns); err != nil {
		t.Fatalf("create a namespace: %v", err)
	}
	t.Cleanup(func() { c.deleteNamespace(t, ns) })
	return ns.Name
}

func (c *Cluster) deleteNamespace(t testing.TB, ns *corev1.Namespace) {
	ctx, cancel := Detached(t)
	defer cancel()
	if err := c.Client.Delete(ctx, ns); err != nil {
		t.Errorf("delete namespace %s: %v", ns.Name, err)
	}
}

// PullSecret makes a Secret of type kubernetes.io/dockerconfigjson for a
// registry.
func (c *Cluster) PullSecret(t testing.TB, namespace, name, registry, username, password string) {
	t.Helper()
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Type:       corev1.SecretTypeDockerConfigJson,
		Data:       map[string][]byte{corev1.DockerConfigJsonKey: dockerConfig(t, registry, username, password)},
	}
	if err := c.Client.Create(t.Context(), secret); err != nil {
		t.Fatalf("create pull secret %s/%s: %v", namespace, name, err)
	}
}

// ForbidAutoWasms sets a quota of none, which is refused after admission webhooks
// have allowed.
func (c *Cluster) ForbidAutoWasms(t testing.TB, namespace string) {
	t.Helper()
	quota := &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "no-autowasms"},
		Spec: corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{
			"count/autowasms.wasm.tcm.io": resource.MustParse("0"),
		}},
	}
	if err := c.Client.Create(t.Context(), quota); err != nil {
		t.Fatalf("create a quota: %v", err)
	}
	Eventually(t, func(ctx context.Context) error {
		if err := c.Client.Get(ctx, client.ObjectKeyFromObject(quota), quota); err != nil {
			return err
		}
		if len(quota.Status.Hard) == 0 {
			return errors.New("the quota is not counted yet")
		}
		return nil
	})
}
