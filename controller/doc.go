// SPDX-License-Identifier: Apache-2.0

// Package controller makes the cluster agree with its AutoWasms, and each AutoWasm's status with the cluster. It
// needs no webhook: what admission has not done, it does.
//
// # The life of an EnvoyFilter
//
//	               admission                         reconciler (leader)
//	AutoWasm ───────► staged ── live read of owner ──► adopted ── AutoWasm deleted ──► collected
//	   │                │                              ▲    ▲
//	   │                └─ no AutoWasm after the grace │    └─ restored when edited or deleted by hand
//	   │                   period ──► swept            │
//	   └── (no webhook, or staging off) ── created ────┘
//
// Staged: admission creates the EnvoyFilter before the AutoWasm is stored. It has no ownerReference, because what is
// not stored has no UID, and the garbage collector deletes the children of owners that it cannot find. Its annotations
// say which AutoWasm, generation and spec it is for, and which module the source resolved to. Its selector asks for a
// label that no pod has: no proxy takes it before the object that asks for it is known to be stored.
//
// Adopted: the reconciler has read the AutoWasm from the API server itself, makes it the EnvoyFilter's owner and puts
// the selector right, in one write.
// From there on the EnvoyFilter is kept as rendered, and goes with its AutoWasm.
//
// Swept: a staged EnvoyFilter whose AutoWasm does not exist, or has another spec than it was staged for, is deleted
// once the grace period is over. The AutoWasm was refused by another policy, its name was taken, or it was not sent. So is
// one that an AutoWasm left behind: modules are kept for AutoWasms alone. Created again in time, the AutoWasm adopts it.
//
// An EnvoyFilter that is not ours (render.IsOurs) is never written, adopted or deleted, whatever its name.
//
// # One reconcile
//
//	validate ─► pin ─► module in the store ─► render ─► EnvoyFilter ─► status, Event
//	                                                                     ▲
//	              what the proxies run (package proxies), findings (package preflight)
//
// A pin is a module that the source was resolved to before, by the status. While there is one the source is not
// resolved again, so that a tag that moves changes nothing. What a staged EnvoyFilter says of its module is a claim: it
// is fetched from the source, with the AutoWasm's own credentials. A fetch that takes long goes on in the background,
// and enqueues the AutoWasm at its end. After each step the next reconcile can go on; nothing is written twice.
//
// Failures end a reconcile and are reported. Terminal ones (failure.Error) need a user: Stalled is True, and they are
// retried every five minutes, because an image may be pushed later, at once when the ConfigMap or the EnvoyFilter that
// they came of changes, and soon when the Secret does: Secrets are not watched, those that are waited for are polled.
// Others are retried from one second on, up to every five minutes, for ever. What ran before a failure goes on running.
//
// A module is tried once for each spec (package trial). A trial that came to no end is repeated some times, and on request. What
// it finds changes nothing but the status.
//
// What becomes of the EnvoyFilter in the proxies, and what in the cluster keeps the filter from running, is found out
// by reconcilers of their own in packages proxies and preflight. They enqueue an AutoWasm here when that has changed,
// and write nothing: the reconciler reads it (Options.Proxies, Options.Preflight) and alone writes the status.
//
// # The three controllers
//
// The reconciler of AutoWasms and the sweeper of staged EnvoyFilters run on the leader. The prefetcher runs on every
// replica and brings each module that a status names into the replica's own store, so that all of them can serve it.
package controller
