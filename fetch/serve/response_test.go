// SPDX-License-Identifier: Apache-2.0

package serve_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/fetch/serve"
)

// connection is a writer that notes what it is handed, as net/http's own is: one
// that sees a file behind at most one limit sends it without copying.
type connection struct {
	*httptest.ResponseRecorder
	files, others int
}

func (c *connection) ReadFrom(src io.Reader) (int64, error) {
	limited, ok := src.(*io.LimitedReader)
	if ok {
		_, ok = limited.R.(*os.File)
	}
	if ok {
		c.files++
	} else {
		c.others++
	}
	return io.Copy(c.ResponseRecorder, src)
}

func TestFilesAreHandedToTheConnection(t *testing.T) {
	s := newStore(t)
	info := put(t, s, wasmtest.Module(wasmtest.Padding(9<<20)))
	c := &connection{ResponseRecorder: httptest.NewRecorder()}
	serve.New(serve.Options{Store: s}).ServeHTTP(c, httptest.NewRequest("GET", "/wasm/"+info.SHA256, http.NoBody))
	if c.files != 3 || c.others != 0 || hashOf(c.Body.Bytes()) != info.SHA256 {
		t.Errorf("%d files and %d others were handed over, %d bytes came", c.files, c.others, c.Body.Len())
	}
}
