// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"time"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

const (
	// Header marks a request of another replica, answered from the disk alone: replicas never wait for each other.
	Header = "Wasmer-Peer"
	// AccessesSuffix follows a module's path where its accesses are asked for.
	AccessesSuffix = "/accesses"
)

// Access is what a module server has observed of one client and one module.
type Access struct {
	// RequestedAt is when the client last requested the module.
	RequestedAt time.Time `json:"requestedAt"`
	// ServedAt is when it was last sent the whole module; zero when it never was.
	ServedAt time.Time `json:"servedAt,omitzero"`
}

// Latest is when the client was last observed.
func (a Access) Latest() time.Time { return latest(a.RequestedAt, a.ServedAt) }

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func moduleURL(base, sha256 string) string { return base + v1alpha1.ModulePath + sha256 }
