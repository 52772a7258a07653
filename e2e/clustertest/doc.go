// SPDX-License-Identifier: Apache-2.0

// Package clustertest has the tests that run on a real cluster, with nodes, Istio's injector and interception: the one of
// `make cluster`, or any that KUBECONFIG names. They are built with the tag cluster alone, so that `make e2e` and the
// editors of those who have no cluster are not concerned; `make test-cluster` runs them.
//
// A cluster that is not `make cluster`'s has to have Istio, an ingress gateway with the label istio=ingressgateway, the
// Gateway API, a network plugin that enforces NetworkPolicies, and neither cert-manager nor Flux nor Argo CD nor a wasmer that anybody needs:
// the tests install them, upgrade and uninstall them. Where they run there has to be a route to the addresses of Pods and
// nodes. These variables say the rest, which `make cluster` sets itself:
//
//	REGISTRY         host:port of a registry that the tests, wasmer and the nodes reach over plain HTTP
//	GATEWAY_URL      the ingress gateway's port 80, as the tests reach it
//	APP_IMAGE        the image of e2e/cluster/app, where the nodes can pull it
//	ISTIO_CHARTS     the directory of Istio's charts, for a second istiod and Istio's CNI plugin
//	ISTIO_VALUES     a file of values for both charts: the images, and what istiod was installed with
//	AUTOWASM_VALUES  a file with values of the chart: wasmer's image of this checkout, and flags.plain-http-hosts with
//	                 $REGISTRY
//	CUT_NODE         a command that cuts a node off, which gets its name and down, or up to connect it again; without it
//	                 no node is lost
package clustertest
