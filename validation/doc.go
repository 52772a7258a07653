// SPDX-License-Identifier: Apache-2.0

// Package validation holds the rules of an AutoWasm: what is filled in where a user says nothing (Default), and what
// is refused or warned of (Validate). They are pure functions of their arguments, which know no cluster and no
// network: the webhooks apply them at admission, the controller to objects that came to be without the webhooks, and
// wasmc to files.
//
// Validate trusts no schema, and repeats all that the CRD says. A test compares both.
package validation
