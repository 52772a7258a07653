package preflight

import "strings"

// A Finding is one thing that keeps a filter from running.
type Finding struct {
	// Reason is one of the Reason constants.
	Reason string
	// Message names the object, what is wrong with it, and the remedy. It does not
	// change while these stay the same.
	Message string
}

// The reasons of findings.
const (
	// ReasonNoPodSelected: the selector matches no Pod, nor a WorkloadEntry. Those that
	// have finished or are being deleted do not count.
	ReasonNoPodSelected = "NoPodSelected"
	// ReasonNoProxySelected: none of the Pods that are selected has a sidecar.
	ReasonNoProxySelected = "NoProxySelected"
	// ReasonPortNotFound: neither a selected Pod nor a Service has the port.
	ReasonPortNotFound = "PortNotFound"
	// ReasonPortNotInService: a selected Pod has the port, but no Service leads to it,
	// so Istio makes no listener for it.
	ReasonPortNotInService = "PortNotInService"
	// ReasonServicePortNotTargetPort: the port is one of a Service that leads to
	// another, which is meant in the contexts Inbound and Gateway.
	ReasonServicePortNotTargetPort = "ServicePortNotTargetPort"
	// ReasonTargetPortNotServicePort: the port is one that Services lead to, but in
	// the context Outbound theirs is meant.
	ReasonTargetPortNotServicePort = "TargetPortNotServicePort"
	// ReasonPortNotHTTP: Istio takes the port for one without HTTP.
	ReasonPortNotHTTP = "PortNotHTTP"
	// ReasonModuleServerHidden: a Sidecar, or exportTo of the Service, keeps the
	// module server from the selected proxies.
	ReasonModuleServerHidden = "ModuleServerHidden"
	// ReasonModuleServerTLS: a DestinationRule has the proxies speak TLS to the
	// module server, whose Pods have no proxy that would understand it.
	ReasonModuleServerTLS = "ModuleServerTLS"
	// ReasonModuleServerStrictMTLS: a PeerAuthentication has the module server's proxy
	// refuse plain text, and a DestinationRule has the selected proxies send it.
	ReasonModuleServerStrictMTLS = "ModuleServerStrictMTLS"
)

// Message joins the messages of findings into one.
func Message(findings []Finding) string {
	messages := make([]string, len(findings))
	for i, f := range findings {
		messages[i] = f.Message
	}
	return strings.Join(messages, "; ")
}
