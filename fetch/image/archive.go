// SPDX-License-Identifier: Apache-2.0

package image

import (
	"archive/tar"
	"io"
	"maps"
	"path"
	"strings"
)

// archive searches a tar archive for files that may be the module.
type archive struct {
	tar       *tar.Reader
	content   *content
	whiteouts *whiteouts // nil outside of images, where they mean nothing
}

// wasmFile is a file of an archive that may be the module by its name.
type wasmFile struct {
	path    string // without a leading / or ./
	size    int64  // as declared
	refused error  // why it cannot be the module; nil for a regular file
}

func (f wasmFile) preferred() bool { return path.Base(f.path) == preferredName }

func newArchive(c *content, w *whiteouts) *archive {
	return &archive{tar: tar.NewReader(c), content: c, whiteouts: w}
}

// find returns the next *.wasm file that accept takes; nil if there is none.
func (a *archive) find(accept func(wasmFile) bool) (*wasmFile, error) {
	for {
		header, err := a.tar.Next()
		if err == io.EOF {
			return nil, nil
		}
		if err != nil {
			return nil, a.content.explain(err)
		}
		file, err := a.examine(header)
		if err != nil {
			return nil, err
		}
		if file != nil && accept(*file) {
			return file, nil
		}
	}
}

// examine counts an entry, notes a whiteout, and returns nil for what cannot be the module by its name.
func (a *archive) examine(header *tar.Header) (*wasmFile, error) {
	if err := a.content.budget.countEntry(header); err != nil {
		return nil, err
	}
	name := path.Clean("/" + header.Name)[1:]
	if isWhiteout(name) {
		return nil, a.whiteouts.add(name)
	}
	if !isWasmName(name) || header.FileInfo().IsDir() || a.whiteouts.hides(name) {
		return nil, nil
	}
	return &wasmFile{path: name, size: header.Size, refused: checkRegular(name, header)}, nil
}

// checkRegular refuses an entry that is not a regular file. A link is never followed, whatever it points to.
func checkRegular(name string, header *tar.Header) error {
	switch header.Typeflag {
	case tar.TypeReg, tar.TypeGNUSparse:
		return nil
	case tar.TypeSymlink, tar.TypeLink:
		return unsupported("%s is a link to %s, and links are not followed: put the file itself there", quote(name), quote(header.Linkname))
	default:
		return unsupported("%s is not a regular file (tar type %q)", quote(name), header.Typeflag)
	}
}

// isWasmName excludes the ._ files that macOS puts beside each file.
func isWasmName(name string) bool {
	return strings.HasSuffix(name, ".wasm") && !strings.HasPrefix(path.Base(name), "._")
}

const (
	whiteoutPrefix = ".wh."
	whiteoutOpaque = ".wh..wh..opq"
	// maxWhiteouts is how many whiteouts one image may have.
	maxWhiteouts = 1024
)

// whiteouts are the files and directories that a layer deletes from the layers below it. A nil *whiteouts has none.
type whiteouts struct {
	above   map[string]struct{} // deleted by the layers above the current one
	current map[string]struct{} // deleted by the current one: they do not apply to it
}

func newWhiteouts() *whiteouts {
	return &whiteouts{above: map[string]struct{}{}, current: map[string]struct{}{}}
}

func isWhiteout(name string) bool { return strings.HasPrefix(path.Base(name), whiteoutPrefix) }

// add notes a whiteout of the current layer. An opaque one deletes its directory.
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
	if len(w.above)+len(w.current) > maxWhiteouts {
		return unsupported("the layers delete more than %d files: push the module alone, as with wasmc push", maxWhiteouts)
	}
	return nil
}

func (w *whiteouts) nextLayer() {
	maps.Copy(w.above, w.current)
	clear(w.current)
}

// hides reports whether a layer above deletes the file or a directory that it is in.
func (w *whiteouts) hides(name string) bool {
	if w == nil || len(w.above) == 0 {
		return false
	}
	for {
		if _, hidden := w.above[name]; hidden {
			return true
		}
		if name == "." {
			return false
		}
		name = path.Dir(name)
	}
}
