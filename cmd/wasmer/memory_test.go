// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"math"
	"os"
	"runtime/debug"
	"testing"

	"github.com/KimMachineGun/automemlimit/memlimit"
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
		limit memlimit.Provider
		want  int64
		err   error
	}{
		"a limit":  {memlimit.Limit(1000 << 20), 900 << 20, nil},
		"no limit": {func() (uint64, error) { return 0, memlimit.ErrNoLimit }, math.MaxInt64, nil},
		"unknown":  {func() (uint64, error) { return 0, broken }, math.MaxInt64, broken},
	} {
		t.Run(name, func(t *testing.T) {
			debug.SetMemoryLimit(math.MaxInt64)
			if err := limitMemory(tt.limit); !errors.Is(err, tt.err) {
				t.Errorf("limitMemory: %v", err)
			}
			if got := debug.SetMemoryLimit(-1); got != tt.want {
				t.Errorf("limit %d, want %d", got, tt.want)
			}
		})
	}
}
