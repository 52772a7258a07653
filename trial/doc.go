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
// Undecided is every failure that may be the trial's:
//
//   - after the module used what only a proxy has: a call-out, a foreign function or a property that package host does not
//     know, a variable of the proxy's environment, shared data or a queue that another filter may have made
//   - at the request, after the module asked of its messages what others have otherwise: a header that they do not have, all of
//     their headers, a body, a property of them
//   - at the request, while the module waits for its first tick. In a proxy some requests come before it and most come after it;
//     the trial has the request come first, and ticks only for a filter that holds something back
//   - by a limit of time or memory, or after the module was refused memory, of which Envoy gives 1 GiB; by a process that died;
//     by a mistake of package host
//
// A trial that cannot be made is no reason against a module.
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
// make one, or a process. It ends by itself when it has used its time of the processor, or has waited too long for that, and is
// killed soon after; whoever started it waits for it. Results are kept by all that a trial depends on, so that what was
// admitted need not be tried again. How many run at once follows from the memory that they
// may take in all, of which one namespace has less than half, or all for one trial, and then each other goes before its next.
package trial
