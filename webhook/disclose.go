package webhook

import (
	"regexp"
	"strings"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch"
	"github.com/autowasm/autowasm/internal/failure"
)

// Whoever knows the sha256 of a module can load it from the module server. So no
// answer carries one that the object did not name: an answer goes to whoever asked,
// and to the audit log.

// sumPattern matches a sha256, and the whole of an image's digest where it stands in
// a reference: that names a manifest, not a module.
var sumPattern = regexp.MustCompile(`@sha256:[a-f0-9]{64}|[a-f0-9]{64}`)

// discreet returns text, which may quote what is generated or was fetched, without
// any sha256 that source does not name. It must be given the text before it is cut:
// most of a sha256 is as good as all of it.
func discreet(text string, source v1alpha1.Source) string {
	return sumPattern.ReplaceAllStringFunc(text, func(sum string) string {
		if strings.HasPrefix(sum, "@") || named(sum, source) {
			return sum
		}
		return "…"
	})
}

func named(sum string, source v1alpha1.Source) bool {
	return source.Object != nil && source.Object.SHA256 == sum ||
		source.Registry != nil && strings.Contains(source.Registry.Image, sum)
}

// failureText says what failed. A URL's content that has another sha256 than
// expected is told with its own, to be compared: the module was not kept, and who
// names a URL has all that it takes to fetch it.
func failureText(f *failure.Error, source v1alpha1.Source) string {
	if source.Object != nil && f.Reason == v1alpha1.ReasonDigestMismatch {
		return f.Error()
	}
	return discreet(f.Error(), source)
}

// auditedReference is what of a module goes to the audit log: what the source
// resolved to, without a query, which may be a signature.
func auditedReference(m fetch.Module) string {
	reference, _, _ := strings.Cut(m.Reference, "?")
	return reference
}
