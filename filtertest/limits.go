// SPDX-License-Identifier: Apache-2.0

package filtertest

// What a test file may ask for, and how much of what a filter did is kept and shown.
const (
	maxFile    = 4 << 20   // bytes of a test file
	maxInput   = 16 << 20  // bytes of a file that it names
	maxInputs  = 128 << 20 // bytes of all of them
	maxCases   = 10_000    // in a file
	maxNodes   = 1 << 20   // of YAML, where an alias counts as what it stands for
	maxHeaders = 1_000     // of one message
	maxChunks  = 10_000    // of one body

	maxLines     = 10_000  // of the log that a step is compared with
	maxLineBytes = 4 << 20 // in all of them

	shownValue    = 400 // bytes of a value in a message
	shownLines    = 20  // of the log of a case that failed
	shownFailures = 20  // of a case
)
