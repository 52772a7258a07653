// Package proxies asks Envoy proxies what they run, and judges whether a filter does.
package proxies
