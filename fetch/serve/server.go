package serve

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/fetch/store"
)

// HealthPath answers 200 for as long as the server does.
const HealthPath = "/healthz"

// Defaults of Options.
const (
	DefaultAddress      = ":8081"
	DefaultFillTimeout  = 30 * time.Second
	DefaultDrainTimeout = 30 * time.Second
)

// Filler brings a module into the store from elsewhere. Its errors are
// *failure.Error; v1alpha1.ReasonNotFound means that nobody names the module.
type Filler interface {
	Fill(ctx context.Context, sha256 string) error
}

// Options are what a Server works with.
type Options struct {
	// Store has the modules. Required.
	Store *store.Store
	// Filler brings what the store lacks; nil means that nothing is brought.
	Filler Filler
	// Registry gets the metrics; nil registers none.
	Registry prometheus.Registerer
	// FillTimeout bounds one fill. 0 means DefaultFillTimeout.
	FillTimeout time.Duration
	// Address is where Start listens. Empty means DefaultAddress.
	Address string
	// DrainTimeout is how long requests may take to end when the server stops. 0
	// means DefaultDrainTimeout.
	DrainTimeout time.Duration
}

// Server serves the modules of a store. It is an http.Handler.
type Server struct {
	o         Options
	accesses  *accesses
	fills     *fills
	metrics   *metrics
	listening atomic.Bool
	invalid   error // why the metrics could not be registered
}

// New makes a Server.
func New(o Options) *Server {
	o = o.withDefaults()
	s := &Server{o: o, accesses: newAccesses(), metrics: newMetrics()}
	if o.Filler != nil {
		s.fills = newFills(o.Filler, o.FillTimeout, s.metrics.filled)
	}
	if o.Registry != nil {
		s.invalid = s.metrics.register(o.Registry)
	}
	return s
}

func (o Options) withDefaults() Options {
	if o.FillTimeout <= 0 {
		o.FillTimeout = DefaultFillTimeout
	}
	if o.DrainTimeout <= 0 {
		o.DrainTimeout = DefaultDrainTimeout
	}
	if o.Address == "" {
		o.Address = DefaultAddress
	}
	return o
}

// ServeHTTP answers one request. It does without http.ServeMux, which redirects
// requests whose path is not clean.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	out := newResponse(w)
	defer func() { s.metrics.served(out.code, out.bytes) }()
	if r.ContentLength != 0 {
		out.limitBody()
	}
	name, isModule := strings.CutPrefix(r.URL.Path, v1alpha1.ModulePath)
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		out.Header().Set("Allow", "GET, HEAD")
		reject(out, http.StatusMethodNotAllowed, "only GET and HEAD are allowed")
	case r.URL.Path == HealthPath:
		answer(out, http.StatusOK, "ok")
	case !isModule:
		reject(out, http.StatusNotFound, "modules are at "+v1alpha1.ModulePath+"<sha256>")
	case s.serveAccesses(out, r, name):
	case !module.IsSHA256(name):
		reject(out, http.StatusBadRequest, "a module is named by its sha256, 64 lower-case hex digits")
	default:
		s.serveModule(out, r, name)
	}
}
