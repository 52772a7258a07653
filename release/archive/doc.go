// SPDX-License-Identifier: Apache-2.0

// Package archive makes the files of a release: archives of wasmc for each platform and of the Helm chart, and the SHA256SUMS of
// all. The same content and time give the same bytes.
package archive
