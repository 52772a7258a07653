// SPDX-License-Identifier: Apache-2.0

// Package trial tries a module as a proxy would run it, before it reaches one: its start, its configuration, and one plain
// GET through request and response. It says of a module that cannot work why, in the module's own words.
//
//	result := trial.Run(ctx, wasm, settings, host.Limits{})       // in this process
//	trials := trial.New(trial.Options{Open: …, Memory: …})        // each in a process of its own
//	task := trials.Begin(trial.Request{SHA256: …, Settings: …})
//
// # Verdicts
//
//	Passed     it started with this configuration and let a request pass
//	Refused    it did not, and would not in any proxy: it answered false, trapped, or has no HTTP context
//	Undecided  anything else
//
// Undecided is every failure after the module used what only a proxy has (a call-out, a foreign function or a property
// that package host does not know, a variable of the proxy's environment), and every end that is not the module's own: a
// limit of time or memory, a process that died. A trial that cannot be made is no reason against a module.
//
// # Processes
//
// The engine that runs a module can be made to use memory without bound, so that a server tries no module in its own
// process: [Trials] starts the same program again, with [Argument], whose main function calls [Child].
//
//	Trials ── job: settings, limits ──► stdin  ┐
//	       ── module, an open file ───► fd 3   ├ child: RLIMIT_DATA, RLIMIT_CPU, seccomp, no file beyond, no environment
//	       ◄─ result, JSON to 64 KiB ── stdout ┘
//
// A child that is given a module has none of its parent's files, connections or variables, and on Linux no system call to
// make one, or a process. It ends by itself when its
// time is over, and is killed soon after that; whoever started it waits for it. Results are kept by all that a trial
// depends on, so that what was admitted need not be tried again. How many run at once follows from the memory that they
// may take in all, and one namespace has less than half of the places.
package trial
