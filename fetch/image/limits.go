// SPDX-License-Identifier: Apache-2.0

package image

import (
	"archive/tar"
	"io"
	"math"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/internal/failure"
)

const (
	// maxEntries is how many archive entries are read of one image.
	maxEntries = 1 << 16
	// maxPath is the longest path, in bytes, of an archive entry.
	maxPath = 4096
	// searchFactor times the cap of the module is how much is read, and how much is decompressed, to find it.
	searchFactor = 16
)

// budget is what the search of one image may still consume, in all layers together.
type budget struct {
	max     int64 // bytes of the module
	read    int64 // bytes still to be read from blobs
	unpack  int64 // bytes still to be decompressed
	entries int   // archive entries still to be read
}

func newBudget(max int64) *budget {
	search := int64(math.MaxInt64 - 1)
	if max < search/searchFactor {
		search = max * searchFactor
	}
	return &budget{max: max, read: search, unpack: search, entries: maxEntries}
}

// limitReading caps what is read from blobs: a compressed one can be endless and yet yield nothing.
func (b *budget) limitReading(r io.Reader) io.Reader {
	return &limitReader{r: r, left: &b.read, exceeded: b.searchExceeded()}
}

func (b *budget) limitUnpacking(r io.Reader) io.Reader {
	return &limitReader{r: r, left: &b.unpack, exceeded: b.searchExceeded()}
}

func (b *budget) limitModule(r io.Reader) io.Reader {
	left := b.max
	return &limitReader{r: r, left: &left, exceeded: module.TooLarge(b.max)}
}

func (b *budget) searchExceeded() error {
	return failure.Terminalf(v1alpha1.ReasonTooLarge,
		"more than %d times the module limit of %d bytes would have to be unpacked: push the module alone, as with wasmc push", searchFactor, b.max)
}

// countEntry caps the number of archive entries and the length of their paths.
func (b *budget) countEntry(header *tar.Header) error {
	if b.entries--; b.entries < 0 {
		return failure.Terminalf(v1alpha1.ReasonTooLarge, "more than %d files would have to be looked at: push the module alone, as with wasmc push", maxEntries)
	}
	if len(header.Name) > maxPath {
		return unsupported("a path in the archive is longer than %d bytes", maxPath)
	}
	return nil
}

// limitReader returns exceeded instead of the first byte above *left.
type limitReader struct {
	r        io.Reader
	left     *int64 // shared between the readers of one budget
	exceeded error
}

func (l *limitReader) Read(p []byte) (int, error) {
	if *l.left < 0 {
		return 0, l.exceeded
	}
	if int64(len(p)) > *l.left+1 {
		p = p[:*l.left+1]
	}
	n, err := l.r.Read(p)
	*l.left -= int64(n)
	if *l.left < 0 {
		return n - 1, l.exceeded
	}
	return n, err
}
