// SPDX-License-Identifier: Apache-2.0

// Package migrate makes AutoWasms of the objects by which others put Wasm filters into Istio's proxies: WasmPlugin,
// TrafficExtension, EnvoyFilter (with a ConfigMap that annotations mount, too) and wasme's FilterDeployment.
//
// Each field of an old object is mapped, or named in a Note: fields are taken out of the object one by one as they are
// read, and whatever is left in the end is reported. An AutoWasm never selects more proxies or traffic than the old
// object: where it would, there is a Note and no AutoWasm. It is a pure function of its input, which knows no cluster.
package migrate
