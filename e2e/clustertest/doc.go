// Package clustertest has the tests that run on a real cluster, with nodes, Istio's injector and interception: the one of
// `make cluster`, or any that KUBECONFIG names. They are built with the tag cluster alone, so that `make e2e` and the
// editors of those who have no cluster are not concerned; `make test-cluster` runs them.
//
// A cluster that is not `make cluster`'s has to have Istio, an ingress gateway with the label istio=ingressgateway, and
// wasmer of this checkout with --plain-http-hosts=$REGISTRY. These variables say the rest, which `make cluster` sets
// itself:
//
//	REGISTRY            host:port of a registry that the tests and wasmer reach over plain HTTP
//	GATEWAY_URL         the ingress gateway's port 80, as the tests reach it
//	APP_IMAGE           the image of e2e/cluster/app, where the nodes can pull it
//	AUTOWASM_MANIFESTS  a kustomization that installs wasmer; without it, wasmer is expected to be there
package clustertest
