// SPDX-License-Identifier: Apache-2.0

package web

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// maxRows bounds how many AutoWasms a page gets.
const maxRows = 20_000

// encoded is a response that all pages share, compressed.
type encoded struct{ gzip []byte }

// encode returns a JSON object of these members, the last of which is a list.
func encode(members map[string]any, list string, items [][]byte) (*encoded, error) {
	head, err := json.Marshal(members)
	if err != nil {
		return nil, fmt.Errorf("encode a response: %w", err)
	}
	var out bytes.Buffer
	w, _ := gzip.NewWriterLevel(&out, gzip.BestSpeed) // a level that there is
	_, _ = fmt.Fprintf(w, `%s,%q:[`, bytes.TrimSuffix(head, []byte("}")), list)
	for i, item := range items {
		if i > 0 {
			_, _ = w.Write([]byte(","))
		}
		_, _ = w.Write(item)
	}
	_, _ = w.Write([]byte("]}"))
	if err := w.Close(); err != nil { // which reports what any write did
		return nil, fmt.Errorf("compress a response: %w", err)
	}
	return &encoded{out.Bytes()}, nil
}

// serveSnapshot answers with all rows and their version.
func (s *Server) serveSnapshot(w http.ResponseWriter, r *http.Request) {
	response, err := s.model.shared(r.Context(), &s.model.snapshot, s.model.encodeSnapshot)
	answer(w, r, response, err)
}

// shared returns a response of the present version, which is encoded for the first page that asks for it.
func (m *model) shared(ctx context.Context, kept **encoded, encode func() (*encoded, error)) (*encoded, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	err := m.refresh(ctx)
	if err == nil && *kept == nil {
		*kept, err = encode()
	}
	return *kept, err
}

func (m *model) encodeSnapshot() (*encoded, error) {
	all := m.sorted()
	shown := all[:min(len(all), maxRows)]
	rows := make([][]byte, len(shown))
	for i := range shown {
		rows[i] = shown[i].row
	}
	return encode(map[string]any{
		"version": m.version(), "omitted": len(all) - len(shown), "replica": m.o.Replica, "wasmer": m.o.Version,
	}, "autoWasms", rows)
}

// answer sends a response, or that there is none for now.
func answer(w http.ResponseWriter, r *http.Request, e *encoded, err error) {
	if err != nil {
		w.Header().Set("Retry-After", "2")
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Vary", "Accept-Encoding")
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("Content-Length", strconv.Itoa(len(e.gzip)))
		_, _ = w.Write(e.gzip)
		return
	}
	plain, err := gzip.NewReader(bytes.NewReader(e.gzip))
	if err == nil {
		_, _ = io.Copy(w, plain)
	}
}
