// SPDX-License-Identifier: Apache-2.0

// Package tab opens pages in a browser and does what a user does there, for tests. It speaks the DevTools protocol.
package tab
