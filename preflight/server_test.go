// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"testing"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

const hiddenByDefault = "add istio-system/wasmer.istio-system.svc.cluster.local to egress.hosts of Sidecar shop/default, or no module loads"

func importing(hosts ...string) Sidecar {
	return Sidecar{Namespace: "shop", Name: "default", Egress: []Egress{{Hosts: hosts}}}
}

func TestSidecars(t *testing.T) {
	hidden := one(v1alpha1.ReasonModuleServerHidden, hiddenByDefault)
	ofOthers := importing("./*")
	ofOthers.Selector = map[string]string{"app": "other"}
	ofDetails := importing("*/*")
	ofDetails.Name, ofDetails.Selector = "details", details
	ofRoot := importing("./*")
	ofRoot.Namespace = "istio-system"
	rootForSome := ofRoot
	rootForSome.Selector = details
	listeners := func(all ...Egress) Sidecar { return Sidecar{Namespace: "shop", Name: "default", Egress: all} }
	tests := []struct {
		name     string
		sidecars []Sidecar
		want     []Finding
	}{
		{"no egress at all", []Sidecar{{Namespace: "shop", Name: "default"}}, nil},
		{"its own namespace", []Sidecar{importing("./*")}, hidden},
		{"nothing", []Sidecar{importing("~/*")}, hidden},
		{"everything", []Sidecar{importing("./*", "*/*")}, nil},
		{"wasmer's namespace", []Sidecar{importing("istio-system/*")}, nil},
		{"the host in any namespace", []Sidecar{importing("*/" + wasmerHost)}, nil},
		{"the host in wasmer's namespace", []Sidecar{importing("istio-system/" + wasmerHost)}, nil},
		{"the host in another namespace", []Sidecar{importing("bank/" + wasmerHost)}, hidden},
		{"hosts with a wildcard", []Sidecar{importing("istio-system/*.svc.cluster.local")}, nil},
		{"another wildcard", []Sidecar{importing("istio-system/*.example.com")}, hidden},
		{"another host", []Sidecar{importing("istio-system/istiod.istio-system.svc.cluster.local")}, hidden},
		{"a short name, which is none to Istio", []Sidecar{importing("istio-system/wasmer")}, hidden},
		{"without a namespace, which is none to Istio", []Sidecar{importing(wasmerHost)}, hidden},
		{"left out", []Sidecar{importing("*/*", "~istio-system/"+wasmerHost)}, hidden},
		{"another left out", []Sidecar{importing("*/*", "~istio-system/istiod.istio-system.svc.cluster.local")}, nil},
		{"at another port", []Sidecar{listeners(Egress{Port: 9999, Hosts: []string{"*/*"}})}, hidden},
		{"at its port", []Sidecar{listeners(Egress{Port: 8081, Hosts: []string{"*/*"}})}, nil},
		{"through an HTTP proxy", []Sidecar{listeners(Egress{Port: 9999, Proxy: true, Hosts: []string{"*/*"}})}, nil},
		{"by the second listener", []Sidecar{listeners(Egress{Port: 80, Hosts: []string{"./*"}}, Egress{Hosts: []string{"*/*"}})}, nil},
		{"another workload's", []Sidecar{ofOthers}, nil},
		{"the workload's own goes before the namespace's", []Sidecar{ofDetails, importing("./*")}, nil},
		{"the root's", []Sidecar{ofRoot}, one(v1alpha1.ReasonModuleServerHidden,
			"add istio-system/wasmer.istio-system.svc.cluster.local to egress.hosts of Sidecar istio-system/default, or no module loads")},
		{"the root's for some of the root", []Sidecar{rootForSome}, nil},
		{"the namespace's goes before the root's", []Sidecar{importing("*/*"), ofRoot}, nil},
	}
	for _, tt := range tests {
		runChecks(t, []checkCase{{tt.name, autoWasm("", 9080), good(sidecars(tt.sidecars...)), tt.want}})
	}
}

func exported(to ...string) func(*View) { return func(v *View) { v.Server.ExportTo = to } }

func TestExportTo(t *testing.T) {
	hidden := one(v1alpha1.ReasonModuleServerHidden,
		"annotation networking.istio.io/exportTo of Service istio-system/wasmer hides it from namespace shop: add that to it")
	runChecks(t, []checkCase{
		{"to all", autoWasm(""), good(exported("*")), nil},
		{"to the namespace", autoWasm(""), good(exported("bank", "shop")), nil},
		{"to its own", autoWasm(""), good(exported(".")), hidden},
		{"to no namespace", autoWasm(""), good(exported("~")), hidden},
		{"to others", autoWasm(v1alpha1.Gateway), good(exported("bank")), hidden},
		{"no service is known", autoWasm(""), good(func(v *View) { v.Server = nil }), nil},
	})
}

func rule(namespace, host, mode string) DestinationRule {
	return DestinationRule{Namespace: namespace, Name: "rule", Host: host, Mode: mode}
}

func TestTLSToTheModuleServer(t *testing.T) {
	wrong := func(by string) []Finding {
		return one(v1alpha1.ReasonModuleServerTLS, "set tls.mode DISABLE in DestinationRule "+by+"/rule: the module server has no sidecar to speak TLS with")
	}
	private := rule("istio-system", wasmerHost, "ISTIO_MUTUAL")
	private.ExportTo = []string{"."}
	ofOthers := rule("shop", wasmerHost, "ISTIO_MUTUAL")
	ofOthers.Selector = map[string]string{"app": "other"}
	ofDetails := rule("shop", wasmerHost, "ISTIO_MUTUAL")
	ofDetails.Selector = details
	runChecks(t, []checkCase{
		{"for its host", autoWasm(""), good(rules(rule("istio-system", wasmerHost, "ISTIO_MUTUAL"))), wrong("istio-system")},
		{"for all hosts", autoWasm(""), good(rules(rule("istio-system", "*.local", "MUTUAL"))), wrong("istio-system")},
		{"for every host", autoWasm(""), good(rules(rule("shop", "*", "SIMPLE"))), wrong("shop")},
		{"a gateway's", autoWasm(v1alpha1.Gateway), good(rules(rule("shop", "*", "SIMPLE"))), wrong("shop")},
		{"for other hosts", autoWasm(""), good(rules(rule("shop", "*.example.com", "SIMPLE"))), nil},
		{"left to Istio", autoWasm(""), good(rules(rule("shop", wasmerHost, ""))), nil},
		{"plain", autoWasm(""), good(rules(rule("shop", wasmerHost, "DISABLE"))), nil},
		{"the more specific host counts", autoWasm(""), good(rules(rule("shop", "*.local", "ISTIO_MUTUAL"), rule("shop", wasmerHost, "DISABLE"))), nil},
		{"the longer wildcard counts", autoWasm(""), good(rules(rule("shop", "*.cluster.local", "DISABLE"), rule("shop", "*.local", "ISTIO_MUTUAL"))), nil},
		{"the client's namespace counts", autoWasm(""), good(rules(rule("istio-system", wasmerHost, "ISTIO_MUTUAL"), rule("shop", "*", "DISABLE"))), nil},
		{"another's namespace does not", autoWasm(""), good(rules(rule("bank", wasmerHost, "ISTIO_MUTUAL"))), nil},
		{"not exported", autoWasm(""), good(rules(private)), nil},
		{"for other workloads", autoWasm(""), good(rules(ofOthers)), nil},
		{"for these workloads", autoWasm(""), good(rules(ofDetails)), wrong("shop")},
		{"it has a sidecar", autoWasm(""), good(proxiedServer, rules(rule("shop", wasmerHost, "ISTIO_MUTUAL"))), nil},
		{"no pod of it is known", autoWasm(""), good(func(v *View) { v.Server.Labels = nil }, rules(rule("shop", wasmerHost, "ISTIO_MUTUAL"))), nil},
	})
}

func policy(namespace, mode string, selector map[string]string) PeerAuthentication {
	return PeerAuthentication{Namespace: namespace, Name: "peers", Selector: selector, Mode: mode}
}

func TestStrictModuleServer(t *testing.T) {
	wasmer := map[string]string{"app": "wasmer"}
	plain := rules(rule("shop", wasmerHost, "DISABLE"))
	refused := one(v1alpha1.ReasonModuleServerStrictMTLS, "set tls.mode ISTIO_MUTUAL in DestinationRule shop/rule: PeerAuthentication istio-system/peers refuses plain text")
	open, closed := policy("istio-system", "STRICT", wasmer), policy("istio-system", "PERMISSIVE", wasmer)
	open.Ports, closed.Ports = map[int32]string{8081: "DISABLE"}, map[int32]string{8081: "STRICT"}
	unset, unsetToo, unsetOpen := policy("istio-system", "STRICT", wasmer), policy("istio-system", "", wasmer), policy("istio-system", "PERMISSIVE", wasmer)
	unset.Ports, unsetToo.Ports, unsetOpen.Ports = map[int32]string{8081: ""}, map[int32]string{8081: ""}, map[int32]string{8081: ""}
	elsewhere := policy("istio-system", "PERMISSIVE", wasmer)
	elsewhere.Ports = map[int32]string{8080: "STRICT"}
	meshPort := policy("istio-system", "PERMISSIVE", nil)
	meshPort.Ports = map[int32]string{8081: "STRICT"}
	runChecks(t, []checkCase{
		{"strict mesh", autoWasm(""), good(proxiedServer, plain, policies(policy("istio-system", "STRICT", nil))), refused},
		{"strict workload", autoWasm(""), good(proxiedServer, plain, policies(policy("istio-system", "STRICT", wasmer))), refused},
		{"strict for another workload", autoWasm(""), good(proxiedServer, plain, policies(policy("istio-system", "STRICT", details))), nil},
		{"strict elsewhere", autoWasm(""), good(proxiedServer, plain, policies(policy("bank", "STRICT", nil))), nil},
		{"permissive mesh", autoWasm(""), good(proxiedServer, plain, policies(policy("istio-system", "PERMISSIVE", nil))), nil},
		{"permissive workload in a strict mesh", autoWasm(""), good(proxiedServer, plain, policies(policy("istio-system", "STRICT", nil), policy("istio-system", "PERMISSIVE", wasmer))), nil},
		{"a workload that leaves it to the mesh", autoWasm(""), good(proxiedServer, plain, policies(policy("istio-system", "STRICT", nil), policy("istio-system", "", wasmer))), refused},
		{"its port leaves it to the workload", autoWasm(""), good(proxiedServer, plain, policies(unset)), refused},
		{"its port leaves it to the mesh", autoWasm(""), good(proxiedServer, plain, policies(unsetToo, policy("istio-system", "STRICT", nil))), refused},
		{"its port leaves it to an open workload in a strict mesh", autoWasm(""), good(proxiedServer, plain, policies(unsetOpen, policy("istio-system", "STRICT", nil))), nil},
		{"another port is strict", autoWasm(""), good(proxiedServer, plain, policies(elsewhere)), nil},
		{"the oldest of two for the workload", autoWasm(""), good(proxiedServer, plain, policies(policy("istio-system", "PERMISSIVE", wasmer), policy("istio-system", "STRICT", wasmer))), nil},
		{"its namespace goes before the mesh", autoWasm(""), good(proxiedServer, plain, policies(policy("istio-system", "DISABLE", nil))), nil},
		{"its port is open", autoWasm(""), good(proxiedServer, plain, policies(open)), nil},
		{"its port is strict", autoWasm(""), good(proxiedServer, plain, policies(closed)), refused},
		{"a port without a workload does not count", autoWasm(""), good(proxiedServer, plain, policies(meshPort)), nil},
		{"proxies that send mutual TLS by themselves", autoWasm(""), good(proxiedServer, policies(policy("istio-system", "STRICT", nil))), nil},
		{"strict without a sidecar", autoWasm(""), good(plain, policies(policy("istio-system", "STRICT", nil))), nil},
	})
}

// TestWithoutAServer: a cluster of Envoy's own tells nothing of where the module server is.
func TestWithoutAServer(t *testing.T) {
	view := good(exported("~"), sidecars(importing("./*")), rules(rule("shop", "*", "SIMPLE")))
	if got := Check(autoWasm(""), view, Options{RootNamespace: "istio-system"}); got != nil {
		t.Error(got)
	}
}

// TestSidecarBesideTheServer: "." is the workload's own namespace, which can be the module server's, also in the
// root's Sidecar for all.
func TestSidecarBesideTheServer(t *testing.T) {
	aw := autoWasm("")
	aw.Namespace = "istio-system"
	beside := importing("./*")
	for _, namespace := range []string{"istio-system", "mesh"} {
		beside.Namespace = namespace
		if got := Check(aw, good(sidecars(beside)), Options{RootNamespace: "mesh", Host: wasmerHost, Port: 8081}); got != nil {
			t.Errorf("the Sidecar of %s: %v", namespace, got)
		}
	}
}
