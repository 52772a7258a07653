// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// health is the handler of /healthz, which answers for as long as the process does, and of /readyz, which fails while a
// check does and names it with the reason. The manager's own withholds the reason, and begins only once there is a manager.
type health struct {
	mux *http.ServeMux

	mu     sync.Mutex
	checks map[string]healthz.Checker
	logged string // what failed when it was logged last
}

// prerequisitesCheck is the name of the check that fails until wasmer has what it needs to start, and has started.
const prerequisitesCheck = "prerequisites"

func newHealth() *health {
	h := &health{mux: http.NewServeMux(), checks: map[string]healthz.Checker{}}
	h.add(prerequisitesCheck, func(*http.Request) error { return errStarting })
	h.mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })
	h.mux.HandleFunc("/readyz", h.serveReady)
	return h
}

var errStarting = errors.New("wasmer is starting")

// add has /readyz fail while check does, which replaces one of the same name. It may be called at any time.
func (h *health) add(name string, check healthz.Checker) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.checks[name] = check
}

// ServeHTTP implements http.Handler.
func (h *health) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.mux.ServeHTTP(w, r) }

// serveReady answers "ok", or with a line for each check when one fails or the query has "verbose".
func (h *health) serveReady(w http.ResponseWriter, r *http.Request) {
	lines, failed := h.run(r)
	h.log(failed)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	switch {
	case len(failed) > 0:
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprintln(w, strings.Join(append(lines, "readyz check failed"), "\n"))
	case r.URL.Query().Has("verbose"):
		fmt.Fprintln(w, strings.Join(append(lines, "readyz check passed"), "\n"))
	default:
		fmt.Fprint(w, "ok")
	}
}

// run returns a line for each check, by name, and those of the checks that failed.
func (h *health) run(r *http.Request) (lines, failed []string) {
	h.mu.Lock()
	checks := maps.Clone(h.checks)
	h.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(checks)) {
		if err := checks[name](r); err != nil {
			failed = append(failed, name+": "+err.Error())
			lines = append(lines, "[-]"+name+" failed: "+err.Error())
			continue
		}
		lines = append(lines, "[+]"+name+" ok")
	}
	return lines, failed
}

// log logs what fails when that is not what was logged last, however often it is probed.
func (h *health) log(failed []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := strings.Join(failed, "; ")
	switch {
	case now == h.logged:
		return
	case now == "":
		log.Log.Info("Ready")
	default:
		log.Log.Info("Not ready", "checks", now)
	}
	h.logged = now
}
