// SPDX-License-Identifier: Apache-2.0

// Command mark ties a compiled filter that is committed to the files it was built from: it writes their sha256 into a
// custom section of the module, named autowasm.source, which engines ignore. The tests compute it again, so that a
// source that was changed without a build fails them, on machines without the filter's compiler too.
//
//	mark DIRECTORY…
//
// marks the modules in DIRECTORY, which have to come fresh from the compiler.
package main
