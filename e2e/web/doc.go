// SPDX-License-Identifier: Apache-2.0

// Package web tests the page of wasmer in a real browser: what it shows, by keyboard, for screen readers, live, and with
// 10,000 AutoWasms. Its screenshots are in bin/web of the checkout.
package web
