package image

import (
	"path"
	"strings"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
)

const (
	whiteoutPrefix = ".wh."
	whiteoutOpaque = ".wh..wh..opq"
	// maxWhiteouts is how many deleted files one image may have.
	maxWhiteouts = 1024
)

// whiteouts are the files and directories that a later layer deletes from the
// earlier ones. A nil *whiteouts knows of none.
type whiteouts struct {
	earlier map[string]struct{} // by the layers already seen
	current map[string]struct{} // by the layer that is being read: they spare it
}

func newWhiteouts() *whiteouts {
	return &whiteouts{earlier: map[string]struct{}{}, current: map[string]struct{}{}}
}

func isWhiteout(name string) bool { return strings.HasPrefix(path.Base(name), whiteoutPrefix) }

// add takes down a whiteout file. An opaque one deletes its whole directory.
func (w *whiteouts) add(name string) error {
	if w == nil {
		return nil
	}
	dir, base := path.Split(name)
	deleted := path.Clean(dir)
	if base != whiteoutOpaque {
		deleted = path.Join(dir, strings.TrimPrefix(base, whiteoutPrefix))
	}
	w.current[deleted] = struct{}{}
	if len(w.earlier)+len(w.current) > maxWhiteouts {
		return failure.Terminalf(v1alpha1.ReasonUnsupportedImage,
			"the layers delete more than %d files: push the module alone, as with wasmc push", maxWhiteouts)
	}
	return nil
}

// nextLayer is called before an earlier layer is read.
func (w *whiteouts) nextLayer() {
	for name := range w.current {
		w.earlier[name] = struct{}{}
	}
	clear(w.current)
}

// hides tells whether a later layer deleted the file or a directory above it.
func (w *whiteouts) hides(name string) bool {
	if w == nil || len(w.earlier) == 0 {
		return false
	}
	for {
		if _, hidden := w.earlier[name]; hidden {
			return true
		}
		if name == "." {
			return false
		}
		name = path.Dir(name)
	}
}
