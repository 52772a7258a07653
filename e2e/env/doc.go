// SPDX-License-Identifier: Apache-2.0

// Package env is a small cluster on one machine, without containers and without privileges: etcd,
// kube-apiserver with RBAC, the controller manager's garbage collector and namespace and quota controllers,
// Istio's CRDs, a public and a private registry, a web server for objects, and wasmer with its webhooks
// registered.
//
//	e, err := env.Start(ctx, env.Options{Dir: t.TempDir()})
//	…
//	defer e.Stop()
//	out, err := e.Kubectl(ctx, "get", "autowasms")
//
// It is a real control plane, so that what is proven here (admission, RBAC, garbage collection, quotas, watches)
// is proven for a cluster. It has no nodes: nothing runs a Pod. wasmer is a process on this machine that uses the
// identity of its service account, with the permissions of manifests/rbac and no others, and whose webhooks the API
// server calls by URL.
//
// Every part is a child process in a process group of its own, listening on 127.0.0.1 at a port that was free,
// with its log in Dir/log/<part>.log. Any number of environments run side by side. When a part dies, Err says
// which, and with what last words.
package env
