package source

import (
	"context"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/internal/egress"
)

// Reader reads Secrets and ConfigMaps; a part of client.Reader. It had better be
// live: a Secret that was just created should count.
type Reader interface {
	Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error
}

// DefaultSlowAfter is the default of Options.SlowAfter.
const DefaultSlowAfter = 30 * time.Second

// Options configure Sources.
type Options struct {
	// Reader reads Secrets and ConfigMaps. Without one, both count as not found.
	Reader Reader
	// Guard says which hosts and addresses may be reached, and which certificates
	// are trusted.
	Guard egress.Options
	// MaxModuleBytes caps a module, after decompression; 0 means module.MaxSize.
	MaxModuleBytes int64
	// PlainHTTPHosts are the registries that are spoken to by plain http, patterns as
	// egress.Hosts has them. All others are spoken to by https, wherever they are.
	PlainHTTPHosts []string
	// SlowAfter is how long a server may take for 64 KiB of what it sends, before it
	// is given up as Unavailable; 0 means DefaultSlowAfter.
	SlowAfter time.Duration
	// UserAgent is what requests are sent as; "" means autowasm.
	UserAgent string
	// Keychain has credentials for registries for which the pull secret has none;
	// nil means that there are no others.
	Keychain authn.Keychain
}

func (o Options) withDefaults() Options {
	if o.MaxModuleBytes == 0 {
		o.MaxModuleBytes = module.MaxSize
	}
	if o.SlowAfter <= 0 {
		o.SlowAfter = DefaultSlowAfter
	}
	if o.UserAgent == "" {
		o.UserAgent = "autowasm"
	}
	return o
}
