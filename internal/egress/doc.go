// SPDX-License-Identifier: Apache-2.0

// Package egress keeps requests that users can cause away from addresses that the server must not reach.
//
// Users name registries and URLs, and these name further hosts in redirects and in the realm of a token challenge. A
// [Guard] is the http.RoundTripper for all of these requests. It checks the resolved address of every connection just
// before it is dialled, and so refuses a name that resolves to a metadata service even by then only (DNS rebinding):
//
//   - link-local, unspecified, broadcast and multicast addresses and the clouds' other metadata services are always
//     refused, also when they are embedded in an IPv4-mapped, 6to4 or NAT64 address;
//   - loopback addresses are refused unless Options.AllowLoopback is set;
//   - private addresses are allowed, because registries in the cluster are normal; Options.DenyCIDRs refuses more.
//
// Options.AllowHosts restricts the host names as well. The rules hold for every hop: at most [MaxRedirects] redirects,
// none from https to http, and no credential that was sent to one host is forwarded to another. A refusal is a terminal
// *failure.Error with the reason AddressRefused, within the error that net/http returns.
//
// Proxies of the environment (HTTPS_PROXY and the like) are not used: the check would see the proxy's address instead
// of the requested one, and the proxy, which can often reach the metadata service, would connect to any address.
package egress
