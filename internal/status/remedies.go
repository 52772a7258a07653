// SPDX-License-Identifier: Apache-2.0

package status

import "github.com/autowasm/autowasm/api/v1alpha1"

const (
	byItself  = "Wait: wasmer retries by itself."
	editSpec  = "kubectl -n {namespace} edit aw {name}"
	proxyLogs = "kubectl -n {namespace} logs {pod} -c istio-proxy"
)

// remedies say what to do about each reason for which an AutoWasm is not Ready, or that preflight found.
var remedies = map[v1alpha1.Reason]string{
	notObserved: "Wait a moment. If it stays so, see whether wasmer runs: kubectl -n istio-system get deployment wasmer",

	v1alpha1.ReasonInvalidSpec:      "Correct the spec: " + editSpec,
	v1alpha1.ReasonInvalidSource:    "Correct spec.filter.source: " + editSpec,
	v1alpha1.ReasonNotFound:         "Push the module, or correct its name: wasmc inspect {image}",
	v1alpha1.ReasonUnauthorized:     "Name credentials that may read the source: kubectl -n {namespace} create secret docker-registry {secret} …, and spec.secret: {secret}",
	v1alpha1.ReasonAddressRefused:   "Take another host, or have wasmer allow it: its flags --allow-hosts, --deny-cidrs and --allow-loopback.",
	v1alpha1.ReasonDigestMismatch:   "Correct the digest in the spec, or have the source hold what it names.",
	v1alpha1.ReasonUnsupportedImage: "Push the module again, alone in its image: wasmc push {image} -f FILE",
	v1alpha1.ReasonTooLarge:         "Make the module smaller, such as by wasm-opt -Oz --strip-debug, and push it under another tag.",
	v1alpha1.ReasonNotWasm:          "Push a WebAssembly module, under another tag: wasmc push IMAGE -f FILE",
	v1alpha1.ReasonComponent:        "Build the filter as a core module, such as for wasm32-wasip1, with a Proxy-Wasm SDK.",
	v1alpha1.ReasonNotProxyWasm:     "Build the filter with a Proxy-Wasm SDK: wasmc inspect FILE shows what is missing.",
	v1alpha1.ReasonUnknownImport:    "Build the filter for Envoy, with a Proxy-Wasm SDK: wasmc inspect FILE shows which import is missing.",
	v1alpha1.ReasonInvalidSecret:    "Create the Secret again: kubectl -n {namespace} create secret docker-registry {secret} …",

	v1alpha1.ReasonSecretNotFound:    "Create the Secret: kubectl -n {namespace} create secret docker-registry {secret} …",
	v1alpha1.ReasonConfigMapNotFound: "Create the ConfigMap with the module: kubectl -n {namespace} create configmap NAME --from-file=KEY=FILE",
	v1alpha1.ReasonRateLimited:       byItself + " Credentials of its own (spec.secret) often have a higher limit.",
	v1alpha1.ReasonUnavailable:       byItself + " See whether the source is up, and wasmer may reach it.",
	v1alpha1.ReasonPending:           byItself,
	v1alpha1.ReasonStoreFailed:       "Give wasmer's store more room: its volume, or --max-store-bytes.",

	v1alpha1.ReasonRenderFailed:           "Correct the spec: " + editSpec,
	v1alpha1.ReasonForeignEnvoyFilter:     "Delete or rename the EnvoyFilter, or rename the AutoWasm: kubectl -n {namespace} get envoyfilter {name} -o yaml",
	v1alpha1.ReasonEnvoyFilterRefused:     "Change the policy or the quota that refuses the EnvoyFilter, or the spec.",
	v1alpha1.ReasonEnvoyFilterUnavailable: byItself,

	v1alpha1.ReasonProxiesLoading:   byItself,
	v1alpha1.ReasonProxyLoadFailed:  "Let the Pod reach the module server (NetworkPolicy, Sidecar, DestinationRule); its log says how that goes: " + proxyLogs,
	v1alpha1.ReasonProxyStartFailed: "Repair the module, its config or its rootID; the proxy's log has its own messages, under wasm: " + proxyLogs,
	v1alpha1.ReasonProxyRefused:     "Change what the proxy refuses: an EnvoyFilter or a listener beside this one, or this spec; its log names it: " + proxyLogs,
	v1alpha1.ReasonProxyRestarted:   "See how the proxy ended, and delete the AutoWasm if its filter is the cause: " + proxyLogs + " --previous",
	v1alpha1.ReasonNotInserted:      "Correct applyPorts or context, or the Service's port: istioctl proxy-config listeners {pod} -n {namespace}",
	v1alpha1.ReasonProxiesUncertain: "Let wasmer reach port 15090 of the Pods, or run it with --proxy-check-interval=0 to do without.",
	v1alpha1.ReasonFilterTraps:      "Repair the module: each such request is answered 503, and the proxy's log says under wasm where it traps: " + proxyLogs,

	v1alpha1.ReasonConfigRefused: "Correct spec.filter.config, which wasmc explain {image} describes: " + editSpec,
	v1alpha1.ReasonStartRefused:  "Give the module the config that it wants; what it says is in its log: kubectl -n {namespace} get aw {name} -o yaml",
	v1alpha1.ReasonModuleTraps:   "Repair the module, its config or its rootID; the condition ModuleTried has where it traps: kubectl -n {namespace} get aw {name} -o yaml",
	v1alpha1.ReasonNoHTTPContext: "Take a module that is an HTTP filter, or set the rootID by which it makes one.",

	v1alpha1.ReasonNoPodSelected:            "Correct the selector, or the labels of the Pods: kubectl -n {namespace} get pods --show-labels",
	v1alpha1.ReasonNoProxySelected:          "Have sidecars injected, and restart the Pods: kubectl label namespace {namespace} istio-injection=enabled",
	v1alpha1.ReasonUntestedProxies:          "Update the proxies, or leave them out by spec.filter.proxyVersion.",
	v1alpha1.ReasonPortNotFound:             "Correct applyPorts, or the Service: kubectl -n {namespace} get services",
	v1alpha1.ReasonPortNotInService:         "Add the port to a Service: Istio makes listeners for ports of Services.",
	v1alpha1.ReasonServicePortNotTargetPort: "Name the port that the container listens on, the Service's targetPort, in applyPorts.",
	v1alpha1.ReasonTargetPortNotServicePort: "Name the Service's own port in applyPorts.",
	v1alpha1.ReasonPortNotHTTP:              "Set appProtocol: http for the Service's port, or name it http-….",
	v1alpha1.ReasonModuleServerHidden:       "Let the Sidecar, or the Service's exportTo, include wasmer.",
	v1alpha1.ReasonModuleServerTLS:          "Except wasmer's host from the DestinationRule: tls.mode DISABLE.",
	v1alpha1.ReasonModuleServerStrictMTLS:   "Except wasmer's host from the DestinationRule, or let its PeerAuthentication take plain text.",
}
