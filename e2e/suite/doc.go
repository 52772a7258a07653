// SPDX-License-Identifier: Apache-2.0

// Package suite is what the end-to-end tests share: a running environment, and
// the few things that every test does with it: a namespace of its own, apply a
// manifest, wait for a phase, push an image.
//
// A test package starts one environment for all of its tests:
//
//	var cluster *suite.Cluster
//
//	func TestMain(m *testing.M) { os.Exit(suite.Main(m, &cluster)) }
//
// Waits have one limit, Timeout, which is for busy machines and no expectation:
// Eventually polls, WaitFor and WaitPhase watch an AutoWasm and see each version of
// it. One that runs out of time says what was seen last, and what OnTimeout adds.
//
// Each test works in a namespace of its own, so that most of them run in
// parallel. The environment is real to the last part: what a test sees is what a
// user of a cluster sees.
package suite
