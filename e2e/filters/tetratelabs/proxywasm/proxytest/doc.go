// SPDX-License-Identifier: Apache-2.0

// Package proxytest is empty. The tests of Coraza's plugin import it, which go mod tidy wants to find.
package proxytest
