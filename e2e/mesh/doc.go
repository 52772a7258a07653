// SPDX-License-Identifier: Apache-2.0

// Package mesh is an Istio mesh on top of an embedded environment: istiod with its validating webhook registered, a
// workload named details with an Envoy as its sidecar, an Envoy as the ingress gateway, and wasmer where proxies of a
// cluster look for it.
//
//	e, err := env.Start(ctx, env.Options{Dir: dir, WasmerFlags: mesh.WasmerFlags()})
//	…
//	m, err := mesh.Start(ctx, e, mesh.Options{})
//	…
//	defer m.Stop()
//	response, err := http.Get(m.EnvoyInboundURL)
//
// istiod and Envoy are the real ones. What differs from a cluster:
//
//   - Nothing schedules or runs the Pods, since there are neither nodes nor a kubelet. A workload is a Pod that the
//     mesh makes by itself, selected by a ServiceEntry; its sidecar is a process, and its application a web server in
//     this one. The mesh writes into the Pod's status how they are: it is pending until its sidecar is first started,
//     ready by what the sidecar answers to Istio's probes, and a further start of the sidecar is a restart of its
//     container istio-proxy.
//   - Nothing intercepts traffic. A Sidecar object says where a sidecar listens, and each workload has a loopback
//     address of its own (127.x.y.z), on which its ports are those that it would have in a cluster. Linux has all
//     of 127.0.0.0/8. That address is the Pod's IP: its proxy connects from there, too, and tells its statistics there
//     as Istio's do, those that Istio keeps and no others.
//   - Envoy is the upstream one and no agent runs beside it. It speaks to istiod in plain text; istiod leaves the
//     filters out that only Istio's build of Envoy has; and a small server in this process hands out the
//     certificates that the agent would, so that inbound listeners have the chain for mutual TLS beside the plain one.
//
// wasmer is a ServiceEntry of the name that its Service has, which leads to its module server on this machine.
package mesh
