// SPDX-License-Identifier: Apache-2.0

package env

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// testControllers sees each of the controllers at work.
func testControllers(ctx context.Context, t *testing.T, e *Environment) {
	for name, test := range map[string]func(context.Context, *testing.T, *Environment){
		"garbage collector":  testGarbageCollector,
		"resource quota":     testQuota,
		"namespace deletion": testNamespaceDeletion,
		"service accounts":   testServiceAccounts,
		"aggregated roles":   testAggregatedRoles,
	} {
		t.Run(name, func(t *testing.T) { test(ctx, t, e) })
	}
}

// testGarbageCollector deletes an owner and waits for its child to go, for a kind that came with a CRD.
func testGarbageCollector(ctx context.Context, t *testing.T, e *Environment) {
	owner := kubectl(ctx, t, e, `{apiVersion: networking.istio.io/v1alpha3, kind: EnvoyFilter, metadata: {name: owner, namespace: default}}`,
		"create", "-f", "-", "-o", "jsonpath={.metadata.uid}")
	kubectl(ctx, t, e, `{apiVersion: networking.istio.io/v1alpha3, kind: EnvoyFilter, metadata: {name: child, namespace: default,
		ownerReferences: [{apiVersion: networking.istio.io/v1alpha3, kind: EnvoyFilter, name: owner, uid: `+owner+`}]}}`,
		"create", "-f", "-")
	kubectl(ctx, t, e, "", "delete", "envoyfilter", "owner")
	kubectl(ctx, t, e, "", "wait", "envoyfilter/child", "--for=delete", timeoutFlag)
}

// testQuota exhausts a quota of a kind that came with a CRD.
func testQuota(ctx context.Context, t *testing.T, e *Environment) {
	kubectl(ctx, t, e, "", "create", "namespace", "quota")
	kubectl(ctx, t, e, "", "create", "quota", "none", "-n", "quota", "--hard=count/envoyfilters.networking.istio.io=0")
	kubectl(ctx, t, e, "", "wait", "quota/none", "-n", "quota", "--for=jsonpath={.status.hard}", timeoutFlag)
	_, err := e.KubectlInput(ctx, `{apiVersion: networking.istio.io/v1alpha3, kind: EnvoyFilter, metadata: {name: a, namespace: quota}}`,
		"create", "-f", "-")
	if err == nil || !strings.Contains(err.Error(), "exceeded quota") {
		t.Errorf("an EnvoyFilter beyond the quota: %v", err)
	}
}

func testNamespaceDeletion(ctx context.Context, t *testing.T, e *Environment) {
	kubectl(ctx, t, e, "", "create", "namespace", "passing")
	kubectl(ctx, t, e, "", "delete", "namespace", "passing", timeoutFlag)
}

func testServiceAccounts(ctx context.Context, t *testing.T, e *Environment) {
	kubectl(ctx, t, e, "", "create", "namespace", "accounts")
	kubectl(ctx, t, e, "", "wait", "serviceaccount/default", "-n", "accounts", "--for=create", timeoutFlag)
}

// testAggregatedRoles finds the rules of manifests/rbac/user-roles.yaml in the role that they are to be a part of.
func testAggregatedRoles(ctx context.Context, t *testing.T, e *Environment) {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	err := Poll(ctx, func(ctx context.Context) error {
		out, err := e.Kubectl(ctx, "get", "clusterrole", "edit", "-o", "jsonpath={.rules}")
		if err == nil && !strings.Contains(out.Stdout, "autowasms") {
			err = errors.New("it has no rule for autowasms")
		}
		return err
	})
	if err != nil {
		t.Errorf("wait for the rules of the cluster role edit: %v", err)
	}
}
