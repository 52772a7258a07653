// SPDX-License-Identifier: Apache-2.0

package web

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	// heartbeat is how often a stream sends something, by which each side knows that the other is there.
	heartbeat = 15 * time.Second
	// sendTimeout is how long an event may take to be sent: who does not read is dropped.
	sendTimeout = 10 * time.Second
)

// serveEvents sends the changes since a version, that of the query's "since" or, on a connection that was lost, of the
// last event that came. An event "delta" has a change, and its id is the version to which that leads. An event "reset"
// says that there is no way from that version to the present one: the page loads all rows again.
func (s *Server) serveEvents(w http.ResponseWriter, r *http.Request) {
	select {
	case s.streams <- struct{}{}:
		defer func() { <-s.streams }()
	default:
		w.Header().Set("Retry-After", "5")
		http.Error(w, fmt.Sprintf("%d pages are open already, which is the limit: close some", maxStreams), http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	out := &stream{w: w, control: http.NewResponseController(w)}
	if out.send("retry: 2000\n\n") != nil || r.Method == http.MethodHead {
		return
	}
	defer s.model.join()()
	out.follow(r.Context(), s.model, cmp.Or(r.Header.Get("Last-Event-ID"), r.URL.Query().Get("since")))
}

// stream is a response of events.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

// follow sends the changes since a version until ctx ends, the reader stops reading, or there is no way from it.
func (s *stream) follow(ctx context.Context, m *model, version string) {
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		changes, known, added := m.since(version)
		if !known {
			_ = s.send("event: reset\ndata: {}\n\n")
			return
		}
		for _, c := range changes {
			if s.send(fmt.Sprintf("event: delta\nid: %s\ndata: %s\n\n", c.version, c.data)) != nil {
				return
			}
			version = c.version
		}
		select {
		case <-ctx.Done():
			return
		case <-added:
		case <-beat.C:
			if s.send(": still here\n\n") != nil {
				return
			}
		}
	}
}

func (s *stream) send(text string) error {
	if err := s.control.SetWriteDeadline(time.Now().Add(sendTimeout)); err != nil {
		return err
	}
	if _, err := s.w.Write([]byte(text)); err != nil {
		return err
	}
	return s.control.Flush()
}

// join has the model kept up to date until what it returns is called.
func (m *model) join() (leave func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.followers++
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.followers--
	}
}

// numbered is an encoded change with the version to which it leads.
type numbered struct {
	version string
	data    []byte
}

// since returns the changes since a version, and what is closed when there are more; known is false when there is no
// way from that version.
func (m *model) since(version string) (changes []numbered, known bool, added <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	process, digits, _ := strings.Cut(version, "-")
	number, err := strconv.ParseUint(digits, 10, 64)
	kept := uint64(len(m.log.changes))
	if err != nil || process != m.process || number > m.number || m.number-number > kept {
		return nil, false, nil
	}
	for n := number + 1; n <= m.number; n++ {
		changes = append(changes, numbered{m.versionOf(n), m.log.changes[kept-(m.number-n)-1]})
	}
	return changes, true, m.log.added
}

// version is the present one.
func (m *model) version() string { return m.versionOf(m.number) }

func (m *model) versionOf(number uint64) string {
	return m.process + "-" + strconv.FormatUint(number, 10)
}
