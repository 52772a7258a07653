// SPDX-License-Identifier: Apache-2.0

package image

import (
	"archive/tar"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
)

// A limit lets through exactly as much as it says, however it is read.
func TestLimitReader(t *testing.T) {
	exceeded := errors.New("exceeded")
	for size := range 8 {
		for limit := range int64(8) {
			for _, chunk := range []int{1, 2, 3, 100} {
				left := limit
				r := &limitReader{r: strings.NewReader(strings.Repeat("x", size)), left: &left, exceeded: exceeded}
				var out strings.Builder
				_, err := io.CopyBuffer(writerOnly{&out}, readerOnly{r}, make([]byte, chunk))
				want := error(nil)
				if int64(size) > limit {
					want = exceeded
				}
				if err != want || int64(out.Len()) != min(int64(size), limit) {
					t.Errorf("%d of %d bytes in chunks of %d: %d bytes, %v", limit, size, chunk, out.Len(), err)
				}
				if n, err := r.Read(make([]byte, 1)); n != 0 || err == nil {
					t.Errorf("%d of %d bytes: Read = %d, %v behind the end", limit, size, n, err)
				}
			}
		}
	}
}

type (
	readerOnly struct{ io.Reader }
	writerOnly struct{ io.Writer }
)

// An error on the way passes through, with the bytes in front of it.
func TestLimitReaderPassesErrorsOn(t *testing.T) {
	broken, left := errors.New("broken"), int64(10)
	r := &limitReader{r: io.MultiReader(strings.NewReader("12345"), iotest.ErrReader(broken)), left: &left, exceeded: errors.New("exceeded")}
	if got, err := io.ReadAll(r); string(got) != "12345" || err != broken {
		t.Errorf("ReadAll = %q, %v", got, err)
	}
}

// The layers of an image share one budget: what one of them consumed, the next lacks.
func TestBudgetIsShared(t *testing.T) {
	b := newBudget(10) // 160 bytes to read, and to decompress
	for name, limit := range map[string]func(io.Reader) io.Reader{"reading": b.limitReading, "decompressing": b.limitUnpacking} {
		var total int
		for range 4 {
			got, err := io.ReadAll(limit(strings.NewReader(strings.Repeat("x", 50))))
			total += len(got)
			if f := failure.Of(err); (f != nil) != (len(got) < 50) || f != nil && f.Reason != v1alpha1.ReasonTooLarge {
				t.Errorf("%s: %d bytes, %v", name, len(got), err)
			}
		}
		if total != 160 {
			t.Errorf("%s: %d bytes in all, want 160", name, total)
		}
	}
	if got, err := io.ReadAll(b.limitModule(strings.NewReader("0123456789"))); len(got) != 10 || err != nil {
		t.Errorf("the module: %d bytes, %v", len(got), err)
	}
}

// Limits near the largest number do not overflow.
func TestHugeBudgets(t *testing.T) {
	for _, max := range []int64{math.MaxInt64, math.MaxInt64 - 1, math.MaxInt64 / searchFactor, math.MaxInt64/searchFactor - 1, 1 << 40} {
		b := newBudget(max)
		if b.read < max-1 || b.unpack < max-1 || b.read+1 < 0 {
			t.Errorf("%d: %d bytes to read, %d to decompress", max, b.read, b.unpack)
		}
		for _, r := range []io.Reader{b.limitReading(strings.NewReader("x")), b.limitUnpacking(strings.NewReader("x"))} {
			if got, err := io.ReadAll(r); string(got) != "x" || err != nil {
				t.Errorf("%d: ReadAll = %q, %v", max, got, err)
			}
		}
	}
}

func TestCountEntry(t *testing.T) {
	b := newBudget(1)
	path := &tar.Header{Name: strings.Repeat("p", maxPath)}
	for n := range maxEntries {
		if err := b.countEntry(path); err != nil {
			t.Fatalf("entry %d: %v", n+1, err)
		}
	}
	if f := failure.Of(b.countEntry(path)); f == nil || f.Reason != v1alpha1.ReasonTooLarge {
		t.Errorf("entry %d: %v", maxEntries+1, f)
	}
	path.Name += "p"
	if f := failure.Of(newBudget(1).countEntry(path)); f == nil || f.Reason != v1alpha1.ReasonUnsupportedImage {
		t.Errorf("a path of %d bytes: %v", len(path.Name), f)
	}
}

// The number of whiteouts is that of all layers together.
func TestWhiteoutsAreCounted(t *testing.T) {
	w := newWhiteouts()
	for n := range maxWhiteouts {
		if err := w.add(strings.Repeat("d/", n) + ".wh.f"); err != nil {
			t.Fatal(err)
		}
		if n%100 == 0 {
			w.nextLayer()
		}
	}
	if f := failure.Of(w.add(".wh.one-more")); f == nil || f.Reason != v1alpha1.ReasonUnsupportedImage {
		t.Errorf("whiteout %d: %v", maxWhiteouts+1, f)
	}
	var none *whiteouts
	if err := none.add(".wh.f"); err != nil || none.hides("f") {
		t.Errorf("outside of images: %v, hides: %v", err, none.hides("f"))
	}
}
