// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// The types of the conditions of an AutoWasm.
const (
	// ConditionReady is True when every selected proxy is configured to run the module, and none that is scraped fails to.
	ConditionReady = "Ready"
	// ConditionReconciling is True while work is under way, and absent otherwise.
	ConditionReconciling = "Reconciling"
	// ConditionStalled is True when only a user can help, and absent otherwise.
	ConditionStalled = "Stalled"
	// ConditionSourceResolved is True when the source is pinned to an identity.
	ConditionSourceResolved = "SourceResolved"
	// ConditionModuleVerified is True when the module is in the store, complete and fit for Envoy.
	ConditionModuleVerified = "ModuleVerified"
	// ConditionConfigValid is True when the schema that the module carries accepts the configuration, False when it does
	// not, and Unknown when the schema cannot be used. Absent where a module carries none, and where none is read. It counts
	// for neither Ready nor the phase.
	ConditionConfigValid = "ConfigValid"
	// ConditionModuleTried is True when the module started with this configuration in a trial of the server's, and let a
	// request pass; False when it did not, whatever proxy it runs in; and Unknown when that depends on the proxy, or the trial
	// came to no end. Absent until then, and where nothing is tried. It counts for neither Ready nor the phase.
	ConditionModuleTried = "ModuleTried"
	// ConditionEnvoyFilterApplied is True when the EnvoyFilter is as rendered.
	ConditionEnvoyFilterApplied = "EnvoyFilterApplied"
	// ConditionProxiesLoaded is True when every selected proxy reports that it runs the module, False when one
	// reports that it cannot, and Unknown while they load it, cannot be scraped, or there are none.
	ConditionProxiesLoaded = "ProxiesLoaded"
	// ConditionRequestsPass is True while the filter has trapped on no request within ten minutes, False when it has, and
	// Unknown where that cannot be seen. Ready is False as well when it goes on. Absent where proxies are not scraped.
	ConditionRequestsPass = "RequestsPass"
	// ConditionPreflightPassed is False when something in the cluster keeps the filter from running, such as a port
	// that Istio has no listener for: its reason is that of the first finding, its message lists all. It is True when
	// nothing is found, and absent where no preflight runs. It counts for neither Ready nor the phase.
	ConditionPreflightPassed = "PreflightPassed"
)

// Reason is why a condition has its status, as one CamelCase word. It is that of the Event and the metric as well.
type Reason string

// Failures of a source or its module that are terminal: retrying cannot help, a user has to change something.
const (
	// ReasonInvalidSource is a source that cannot be read as one: a malformed reference or URL, or none at all.
	ReasonInvalidSource Reason = "InvalidSource"
	// ReasonNotFound is an image, object or key that the source does not have.
	ReasonNotFound Reason = "NotFound"
	// ReasonUnauthorized is a source that refuses the credentials, or their absence.
	ReasonUnauthorized Reason = "Unauthorized"
	// ReasonAddressRefused is an address that the server must not reach.
	ReasonAddressRefused Reason = "AddressRefused"
	// ReasonDigestMismatch is content whose digest is not the expected one.
	ReasonDigestMismatch Reason = "DigestMismatch"
	// ReasonUnsupportedImage is an image without a module, or with several.
	ReasonUnsupportedImage Reason = "UnsupportedImage"
	// ReasonTooLarge is a module above the limit.
	ReasonTooLarge Reason = "TooLarge"
	// ReasonNotWasm is content that is not a WebAssembly module.
	ReasonNotWasm Reason = "NotWasm"
	// ReasonComponent is a WebAssembly component, which Envoy cannot load.
	ReasonComponent Reason = "Component"
	// ReasonNotProxyWasm is a module without a Proxy-Wasm ABI or an allocator.
	ReasonNotProxyWasm Reason = "NotProxyWasm"
	// ReasonUnknownImport is a module that imports what no Envoy provides.
	ReasonUnknownImport Reason = "UnknownImport"
	// ReasonInvalidSecret is a pull secret that cannot be read as one.
	ReasonInvalidSecret Reason = "InvalidSecret"
)

// Failures of a source or its module that are transient: they are retried.
const (
	// ReasonSecretNotFound is a pull secret that does not exist (yet).
	ReasonSecretNotFound Reason = "SecretNotFound"
	// ReasonConfigMapNotFound is a ConfigMap or key that does not exist (yet).
	ReasonConfigMapNotFound Reason = "ConfigMapNotFound"
	// ReasonRateLimited is a source that limits the rate of requests.
	ReasonRateLimited Reason = "RateLimited"
	// ReasonUnavailable is a source that does not answer, or with a server error.
	ReasonUnavailable Reason = "Unavailable"
	// ReasonPending is a fetch that goes on in the background.
	ReasonPending Reason = "Pending"
	// ReasonStoreFailed is a store that cannot keep the module, such as a full disk.
	ReasonStoreFailed Reason = "StoreFailed"
)

// Reasons that the controller gives on the way from a spec to an EnvoyFilter.
const (
	// ReasonSynced is the reason of Ready while it is True.
	ReasonSynced Reason = "Synced"
	// ReasonInvalidSpec is a spec that admission would have refused: it was made while the webhook was unavailable.
	ReasonInvalidSpec Reason = "InvalidSpec"
	// ReasonRenderFailed is a spec that no EnvoyFilter can be made of.
	ReasonRenderFailed Reason = "RenderFailed"
	// ReasonForeignEnvoyFilter is an EnvoyFilter of the AutoWasm's name that was not made for it. It is left alone.
	ReasonForeignEnvoyFilter Reason = "ForeignEnvoyFilter"
	// ReasonEnvoyFilterRefused is an API server, or a policy in it, that refuses the EnvoyFilter.
	ReasonEnvoyFilterRefused Reason = "EnvoyFilterRefused"
	// ReasonEnvoyFilterUnavailable is an API server that cannot take the EnvoyFilter at the moment.
	ReasonEnvoyFilterUnavailable Reason = "EnvoyFilterUnavailable"

	// ReasonResolved is the reason of SourceResolved while it is True.
	ReasonResolved Reason = "Resolved"
	// ReasonVerified is the reason of ModuleVerified while it is True.
	ReasonVerified Reason = "Verified"
	// ReasonApplied is the reason of EnvoyFilterApplied while it is True.
	ReasonApplied Reason = "Applied"
	// ReasonWaiting is a stage that an earlier one keeps from beginning.
	ReasonWaiting Reason = "Waiting"
	// ReasonPreviousInForce is an EnvoyFilter of an earlier generation that stays.
	ReasonPreviousInForce Reason = "PreviousInForce"

	// ReasonSwept is the reason of the Event on an EnvoyFilter without an AutoWasm that is removed.
	ReasonSwept Reason = "Swept"
)

// The reasons of ProxiesLoaded, and of Ready when it depends on the proxies.
const (
	// ReasonRunning is the reason of ProxiesLoaded while it is True.
	ReasonRunning Reason = "Running"
	// ReasonProxiesLoading is proxies that are about to load the module.
	ReasonProxiesLoading Reason = "ProxiesLoading"
	// ReasonProxyLoadFailed is a proxy that could not load the module. The controller has it retry.
	ReasonProxyLoadFailed Reason = "ProxyLoadFailed"
	// ReasonProxyStartFailed is a proxy in which the module does not start.
	ReasonProxyStartFailed Reason = "ProxyStartFailed"
	// ReasonProxyRefused is a proxy that rejects the filter and keeps the previous one.
	ReasonProxyRefused Reason = "ProxyRefused"
	// ReasonProxyRestarted is a proxy that ended soon after the filter changed, and does not run or ended again; of an Event,
	// also one that runs again.
	ReasonProxyRestarted Reason = "ProxyRestarted"
	// ReasonNotInserted is a filter for which no selected proxy has a place.
	ReasonNotInserted Reason = "NotInserted"
	// ReasonProxiesUncertain is proxies that cannot be scraped.
	ReasonProxiesUncertain Reason = "ProxiesUncertain"
	// ReasonFilterTraps is a filter that traps on requests; of Ready, when it goes on.
	ReasonFilterTraps Reason = "FilterTraps"
	// ReasonNoTraps is the reason of RequestsPass while it is True.
	ReasonNoTraps Reason = "NoTraps"
	// ReasonTrapsUnseen is the reason of RequestsPass for a failure policy with which Envoy counts no traps.
	ReasonTrapsUnseen Reason = "TrapsUnseen"
)

// The reasons of PreflightPassed.
const (
	// ReasonNothingFound is the reason of PreflightPassed while it is True.
	ReasonNothingFound Reason = "NothingFound"
	// ReasonNoPodSelected: the selector matches no WorkloadEntry, nor a Pod that will go on running.
	ReasonNoPodSelected Reason = "NoPodSelected"
	// ReasonNoProxySelected: no selected Pod has a sidecar; of ProxiesLoaded, no running proxy is selected.
	ReasonNoProxySelected Reason = "NoProxySelected"
	// ReasonUntestedProxies: a selected proxy is of a version on which the filter is not tested, and may die of it; of Ready,
	// when the server refuses such.
	ReasonUntestedProxies Reason = "UntestedProxies"
	// ReasonPortNotFound: neither a selected Pod nor a Service has the port.
	ReasonPortNotFound Reason = "PortNotFound"
	// ReasonPortNotInService: a selected Pod has the port, but no Service leads to it, so Istio has no listener for it.
	ReasonPortNotInService Reason = "PortNotInService"
	// ReasonServicePortNotTargetPort: the port is a Service's; the contexts Inbound and Gateway mean what it leads to.
	ReasonServicePortNotTargetPort Reason = "ServicePortNotTargetPort"
	// ReasonTargetPortNotServicePort: the port is one that Services lead to; the context Outbound means theirs.
	ReasonTargetPortNotServicePort Reason = "TargetPortNotServicePort"
	// ReasonPortNotHTTP: Istio takes the port for one without HTTP.
	ReasonPortNotHTTP Reason = "PortNotHTTP"
	// ReasonModuleServerHidden: a Sidecar, or exportTo of the Service, hides the module server from selected proxies.
	ReasonModuleServerHidden Reason = "ModuleServerHidden"
	// ReasonModuleServerTLS: a DestinationRule has the proxies speak TLS to the module server, which has no sidecar.
	ReasonModuleServerTLS Reason = "ModuleServerTLS"
	// ReasonModuleServerStrictMTLS: a PeerAuthentication has the module server refuse plain text, and a DestinationRule
	// has the selected proxies send it.
	ReasonModuleServerStrictMTLS Reason = "ModuleServerStrictMTLS"
)

// The reasons of ConfigValid.
const (
	// ReasonConfigAccepted is the reason of ConfigValid while it is True.
	ReasonConfigAccepted Reason = "ConfigAccepted"
	// ReasonConfigRefused is a configuration that the schema in the module refuses.
	ReasonConfigRefused Reason = "ConfigRefused"
	// ReasonSchemaNotUsed is a schema that cannot be used, or that would take too long.
	ReasonSchemaNotUsed Reason = "SchemaNotUsed"
)

// The reasons of ModuleTried.
const (
	// ReasonTrialPassed is the reason of ModuleTried while it is True.
	ReasonTrialPassed Reason = "TrialPassed"
	// ReasonStartRefused is a module that answers false when it is started or configured.
	ReasonStartRefused Reason = "StartRefused"
	// ReasonModuleTraps is a module that traps at its start, when it is configured, or on a request, whatever that has.
	ReasonModuleTraps Reason = "ModuleTraps"
	// ReasonNoHTTPContext is a module that starts, and makes no context for a request: it is no HTTP filter.
	ReasonNoHTTPContext Reason = "NoHTTPContext"
	// ReasonDependsOnProxy is a trial whose outcome depends on what only the proxy, or its requests, have.
	ReasonDependsOnProxy Reason = "DependsOnProxy"
	// ReasonTrialEnded is a trial that ended before the module did, such as by its limits of time and memory.
	ReasonTrialEnded Reason = "TrialEnded"
)
