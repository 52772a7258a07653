// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"math"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// memoryShare is how much of the container's memory the heap may take before the garbage collector works without pause:
// the rest is for what is not on the heap.
const memoryShare = 0.9

// limitMemory sets the limit of Go's heap by that of the container, which limit returns. The environment variable
// GOMEMLIMIT takes precedence.
func limitMemory(limit memlimit.Provider) error {
	bytes, err := memlimit.Set(memlimit.WithRatio(memoryShare), memlimit.WithProvider(limit))
	if err != nil {
		return fmt.Errorf("read the memory limit of the container: %w", err)
	}
	if bytes < math.MaxInt64 {
		log.Log.Info("Limited the heap by the container's memory", "bytes", bytes)
	}
	return nil
}
