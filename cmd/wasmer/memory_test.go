// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"math"
	"os"
	"runtime/debug"
	"testing"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"github.com/autowasm/autowasm/trial"
)

func TestLimitMemory(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "") // restores it
	if err := os.Unsetenv("GOMEMLIMIT"); err != nil {
		t.Fatal(err)
	}
	before := debug.SetMemoryLimit(-1)
	t.Cleanup(func() { debug.SetMemoryLimit(before) })
	broken := errors.New("broken")
	for name, tt := range map[string]struct {
		limit    memlimit.Provider
		reserved int64
		want     int64
		err      error
	}{
		"a limit":     {memlimit.Limit(1000 << 20), 0, 900 << 20, nil},
		"with trials": {memlimit.Limit(1000 << 20), 600 << 20, 360 << 20, nil},
		"no limit":    {func() (uint64, error) { return 0, memlimit.ErrNoLimit }, 640 << 20, math.MaxInt64, nil},
		"unknown":     {func() (uint64, error) { return 0, broken }, 0, math.MaxInt64, broken},
	} {
		t.Run(name, func(t *testing.T) {
			debug.SetMemoryLimit(math.MaxInt64)
			if err := limitMemory(tt.limit, tt.reserved); !errors.Is(err, tt.err) {
				t.Errorf("limitMemory: %v", err)
			}
			if got := debug.SetMemoryLimit(-1); got != tt.want {
				t.Errorf("limit %d, want %d", got, tt.want)
			}
		})
	}
}

// TestTrialMemory: what wasmer needs itself comes first.
func TestTrialMemory(t *testing.T) {
	for limit, want := range map[uint64]int64{256 << 20: 0, 512 << 20: 128 << 20, 1 << 30: 576 << 20, math.MaxUint64: 576 << 20} {
		if got := trialMemory(memlimit.Limit(limit)); got != want {
			t.Errorf("of %d MiB, %d MiB are for trials, want %d", limit>>20, got>>20, want>>20)
		}
	}
	none := func() (uint64, error) { return 0, memlimit.ErrNoLimit }
	if got := trialMemory(none); got != 576<<20 {
		t.Errorf("without a limit, %d MiB are for trials", got>>20)
	}
}

// TestTrialsFitTheContainer: the manifests' limit has what wasmer needs itself and all that trials may take, which a module of
// 24.5 MB needs.
func TestTrialsFitTheContainer(t *testing.T) {
	pod, _ := deployed(t)
	limit := pod.Containers[0].Resources.Limits.Memory().Value()
	if got := trialMemory(memlimit.Limit(uint64(limit))); got != trial.DefaultMemory || limit-got < ownMemory {
		t.Errorf("of %d MiB, trials have %d and wasmer %d; want %d and at least %d", limit>>20, got>>20, (limit-got)>>20, trial.DefaultMemory>>20, ownMemory>>20)
	}
}
