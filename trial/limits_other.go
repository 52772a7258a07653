//go:build !linux

// SPDX-License-Identifier: Apache-2.0

package trial

import "time"

// limitProcess does nothing: wasmer runs on Linux, and is developed elsewhere.
func limitProcess(job) error { return nil }

// Confined returns false, for the same reason.
func Confined() bool { return false }

// keepFiles does nothing, for the same reason.
func keepFiles() {}

// processorTime is no less than what this process has used.
func processorTime() time.Duration { return time.Since(started) }
