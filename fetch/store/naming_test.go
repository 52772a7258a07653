package store_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"testing"
	"testing/iotest"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/internal/failure"
)

// vouching is a reader that says what its bytes hash to.
type vouching struct {
	io.Reader
	word string
}

func (v vouching) SHA256() string { return v.word }

func TestAReaderMayVouchForItsBytes(t *testing.T) {
	data := wasmtest.Module()
	tests := map[string]string{"the hash": hashOf(data), "nothing": "", "nonsense": "sha256:" + hashOf(data)}
	for name, word := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			info, err := f.Put(t.Context(), vouching{bytes.NewReader(data), word}, hashOf(data))
			if err != nil || info.SHA256 != hashOf(data) {
				t.Fatalf("Put = %+v, %v", info, err)
			}
			if !bytes.Equal(f.serve(info.SHA256), data) {
				t.Error("other bytes are served")
			}
		})
	}
}

func TestAReaderThatVouchesForAnotherModuleIsRefused(t *testing.T) {
	f := newFixture(t)
	_, err := f.Put(t.Context(), vouching{bytes.NewReader(wasmtest.Module()), hashOf(nil)}, hashOf(wasmtest.Module()))
	if err == nil || failure.Of(err).Reason != v1alpha1.ReasonDigestMismatch {
		t.Errorf("Put = %v", err)
	}
}

// What a reader vouched for falsely, for it has a bug, is never served.
func TestAFalseWordIsNeverServed(t *testing.T) {
	f := newFixture(t)
	info, err := f.Put(t.Context(), vouching{bytes.NewReader(wasmtest.Module()), hashOf(nil)}, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := f.OpenFile(info.SHA256); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("OpenFile = %v", err)
	}
}

func TestAWordIsNotKeptByAReaderThatFails(t *testing.T) {
	f := newFixture(t)
	broken := io.MultiReader(bytes.NewReader(wasmtest.Module()), iotest.ErrReader(errors.New("error verifying")))
	if _, err := f.Put(t.Context(), vouching{broken, hashOf(wasmtest.Module())}, ""); err == nil {
		t.Error("it was stored")
	}
}
