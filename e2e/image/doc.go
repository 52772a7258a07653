// SPDX-License-Identifier: Apache-2.0

// Package image makes container images out of files of this machine, without a container engine: each layer is a list of
// files, written as an uncompressed tar archive that is made anew each time that it is read. An image has the same digest
// when its files have the same content, so that a registry takes only the layers that changed.
package image
