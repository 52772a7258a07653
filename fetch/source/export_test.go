// SPDX-License-Identifier: Apache-2.0

package source

// CloseIdleConnections ends the goroutines of connections that are kept for later requests.
func (s *Sources) CloseIdleConnections() { s.guard.CloseIdleConnections() }
