// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"errors"
	"io/fs"
	"net/http"
	"strconv"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/peer"
	"github.com/autowasm/autowasm/internal/failure"
)

// serveModule answers with a module, which is filled first if need be.
func (s *Server) serveModule(w *response, r *http.Request, sha256 string) {
	file, info, err := s.o.Store.OpenFile(sha256)
	if errors.Is(err, fs.ErrNotExist) {
		if err = s.fill(r, sha256); err == nil {
			file, info, err = s.o.Store.OpenFile(sha256)
		}
	}
	if err != nil {
		s.rejectModule(w, r, err)
		return
	}
	defer file.Close() //nolint:errcheck // only read
	defer s.observe(w, r, info)()
	header := w.Header()
	header.Set("Content-Type", "application/wasm")
	header.Set("ETag", `"`+sha256+`"`)
	header.Set("Cache-Control", "public, max-age=31536000, immutable")
	http.ServeContent(w, r, "", time.Time{}, file)
}

// fill has the module brought, except for another replica.
func (s *Server) fill(r *http.Request, sha256 string) error {
	if s.o.Filler == nil || r.Header.Get(peer.Header) != "" {
		return failure.Terminalf(v1alpha1.ReasonNotFound, "this replica does not have module %s", sha256)
	}
	return s.o.Filler.Fill(r.Context(), sha256)
}

// rejectModule answers that there is no module: 404 when a further request does not help, else 503. Details of a
// failure are for the log: sources are no business of an unknown client.
func (s *Server) rejectModule(w *response, r *http.Request, err error) {
	f := failure.Of(err)
	if s.logs.Allow() {
		log.FromContext(r.Context()).Info("Cannot serve a module", "path", r.URL.Path, "client", r.RemoteAddr, "reason", f.Reason, "err", f.Error())
	}
	if f.Terminal {
		reject(w, http.StatusNotFound, "no such module")
		return
	}
	w.Header().Set("Retry-After", strconv.Itoa(max(1, int(f.RetryAfter/time.Second))))
	reject(w, http.StatusServiceUnavailable, "the module is not here yet")
}

func reject(w *response, code int, why string) {
	w.Header().Set("Cache-Control", "no-store")
	answer(w, code, why)
}

// rejectExcess has no body: one would have to wait for a client that does not read.
func rejectExcess(w *response) {
	w.Header().Set("Retry-After", "1")
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusServiceUnavailable)
}

func answer(w *response, code int, text string) {
	header := w.Header()
	header.Set("Content-Type", "text/plain; charset=utf-8")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Content-Length", strconv.Itoa(len(text)+1))
	w.WriteHeader(code)
	_, _ = w.Write([]byte(text + "\n")) // fails only for a client that has left
}
