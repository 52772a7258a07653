// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"math"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/autowasm/autowasm/trial"
)

// memoryShare is how much of its memory the heap may take before the garbage collector works without pause: the rest is for
// what is not on the heap.
const memoryShare = 0.9

// ownMemory is what wasmer itself has at least of the container's memory. What is beyond is for the processes in which
// modules are tried, up to what they need.
const ownMemory = 384 << 20

// trialMemory is what the processes of all trials may take at once, in bytes, by the limit of the container.
func trialMemory(limit memlimit.Provider) int64 {
	all, err := limit()
	if err != nil {
		return trial.DefaultMemory
	}
	return min(max(0, int64(min(all, math.MaxInt64))-ownMemory), trial.DefaultMemory)
}

// limitMemory sets the limit of Go's heap by that of the container, which limit returns, without what is reserved for
// other processes. The environment variable GOMEMLIMIT takes precedence.
func limitMemory(limit memlimit.Provider, reserved int64) error {
	left := func() (uint64, error) {
		all, err := limit()
		return all - min(all, uint64(reserved)), err
	}
	bytes, err := memlimit.Set(memlimit.WithRatio(memoryShare), memlimit.WithProvider(left))
	if err != nil {
		return fmt.Errorf("read the memory limit of the container: %w", err)
	}
	if bytes < math.MaxInt64 {
		log.Log.Info("Limited the heap by the container's memory", "bytes", bytes)
	}
	return nil
}
