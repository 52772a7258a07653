// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"runtime"
	"sync"

	"github.com/autowasm/autowasm/e2e/env"
)

// monitoringPort is where istiod tells of itself and its proxies.
const monitoringPort = 15014

// IstiodURL is the base URL at which istiod tells, under /debug, what it knows of its proxies. istiod answers callers of
// the same machine without asking who they are.
//
// It is the same for all meshes of a process, which are to run one after the other.
func IstiodURL() string { return "http://" + monitoringAddress() }

// monitoringAddress is on a loopback address of istiod's own, where there are such.
var monitoringAddress = sync.OnceValue(func() string {
	if runtime.GOOS == "linux" {
		if address, err := freeAddress(monitoringPort); err == nil {
			return at(address, monitoringPort)
		}
	}
	return freeOnLoopback()
})

// secureAddress is where istiod serves xDS over TLS, and asks callers for a token. It is known before istiod runs, so
// that wasmer can be started with it, and is the same for all meshes of a process.
var secureAddress = sync.OnceValue(freeOnLoopback)

// freeOnLoopback is an address that was free a moment ago, and that no client is given, or one that istiod will refuse in plain
// words.
func freeOnLoopback() string {
	l, err := env.ListenFree()
	if err != nil {
		return env.Address(monitoringPort)
	}
	defer l.Close()
	return l.Addr().String()
}
