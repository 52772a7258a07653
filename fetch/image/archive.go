package image

import (
	"archive/tar"
	"path"
	"strings"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
)

// preferredName is the file that every reader of Wasm images looks for.
const preferredName = "plugin.wasm"

// archive walks a tar archive for files that may be the module.
type archive struct {
	tar     *tar.Reader
	budget  *budget
	removed *whiteouts // nil where files cannot be deleted: outside of images
}

// wasmFile is a file of an archive that may be the module by its name.
type wasmFile struct {
	path    string // without a leading / or ./
	size    int64  // as declared
	refused error  // why it cannot be the module; nil for a regular file
}

func (f wasmFile) preferred() bool { return path.Base(f.path) == preferredName }

func newArchive(c *content, removed *whiteouts) *archive {
	return &archive{tar: tar.NewReader(c.Reader), budget: c.budget, removed: removed}
}

// next finds the next *.wasm file; io.EOF when there is none.
func (a *archive) next() (wasmFile, error) {
	for {
		header, err := a.tar.Next()
		if err != nil {
			return wasmFile{}, err
		}
		if err := a.count(header); err != nil {
			return wasmFile{}, err
		}
		name := path.Clean("/" + header.Name)[1:]
		if isWhiteout(name) {
			if err := a.removed.add(name); err != nil {
				return wasmFile{}, err
			}
			continue
		}
		if !isWasmName(name) || header.FileInfo().IsDir() || a.removed.hides(name) {
			continue
		}
		return wasmFile{path: name, size: header.Size, refused: irregular(name, header)}, nil
	}
}

func (a *archive) count(header *tar.Header) error {
	if a.budget.entries--; a.budget.entries < 0 {
		return failure.Terminalf(v1alpha1.ReasonTooLarge,
			"more than %d files would have to be looked at: push the module alone, as with wasmc push", maxEntries)
	}
	if len(header.Name) > maxPath {
		return failure.Terminalf(v1alpha1.ReasonUnsupportedImage, "a path in the archive is longer than %d bytes", maxPath)
	}
	return nil
}

// irregular says why an entry cannot be the module: a link is never followed,
// whatever it points to.
func irregular(name string, header *tar.Header) error {
	switch header.Typeflag {
	case tar.TypeReg, tar.TypeGNUSparse:
		return nil
	case tar.TypeSymlink, tar.TypeLink:
		return failure.Terminalf(v1alpha1.ReasonUnsupportedImage,
			"%s is a link to %s, and links are not followed: put the file itself there", quote(name), quote(header.Linkname))
	default:
		return failure.Terminalf(v1alpha1.ReasonUnsupportedImage, "%s is not a regular file (tar type %q)", quote(name), header.Typeflag)
	}
}

// isWasmName leaves out the ._ files that macOS puts beside each file.
func isWasmName(name string) bool {
	return strings.HasSuffix(name, ".wasm") && !strings.HasPrefix(path.Base(name), "._")
}
