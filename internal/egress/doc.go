// Package egress keeps requests that users can cause away from addresses that
// the server must not reach.
//
// Users name registries and URLs, and these name further hosts in redirects and
// in the realm of a token challenge. A [Guard] is the http.RoundTripper for all of
// it. It checks the resolved address of every connection just before it is
// dialled, so neither a host name that resolves to a metadata service nor one that
// changes its mind between a look-up and the connection gets through:
//
//   - link-local addresses, the clouds' metadata services outside of link-local,
//     unspecified, broadcast and multicast addresses are always refused, also when
//     they hide in an IPv4-mapped, 6to4 or NAT64 address;
//   - loopback addresses are refused unless Options.AllowLoopback is set;
//   - private addresses are allowed, because registries in the cluster are normal;
//     Options.DenyCIDRs takes away more.
//
// Options.AllowHosts restricts the host names as well. The allow-list and the
// other rules hold for every hop: at most [MaxRedirects] redirects, none from https
// to http, and no credential that was sent to one host is forwarded to another.
//
// Refusals are terminal *failure.Error with the reason AddressRefused; errors.As
// finds them within what net/http makes of them.
//
// Proxies of the environment (HTTPS_PROXY and the like) are not used: the check
// would see the proxy's address instead of the one that is asked for, and the
// proxy, which often stands where the metadata service can be reached, would
// connect to whatever it is told.
package egress
