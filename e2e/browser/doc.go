// SPDX-License-Identifier: Apache-2.0

// Package browser finds the browser to run tests in, a Chromium: $CHROMIUM when it is set, else one on the PATH such as that
// of Debian's package chromium, else a pinned one out of the npm package @sparticuz/chromium, which carries a headless
// Chromium with the libraries and fonts that it needs.
//
// A pinned one is brought here by npm, so that whatever registry, proxy or certificates npm is configured with are used.
// Its checksum is in this package's source and is verified; what was unpacked is kept in the cache of built parts and is
// there the next time without a network.
package browser
