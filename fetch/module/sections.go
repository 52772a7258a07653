// SPDX-License-Identifier: Apache-2.0

package module

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"unicode/utf8"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
)

// preambleSize is the length of the magic number and the version.
const preambleSize = 8

var (
	magic       = []byte("\x00asm")
	coreVersion = []byte{1, 0, 0, 0}
)

// checkPreamble refuses a file that does not begin as a core module.
func checkPreamble(r io.ReaderAt, size int64) error {
	if size <= 0 {
		return failure.Terminalf(v1alpha1.ReasonNotWasm, "not a WebAssembly module: the file is empty")
	}
	head := make([]byte, min(size, 512))
	n, err := r.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return readError{err}
	}
	head = head[:n]
	if !bytes.HasPrefix(head, magic) {
		return failure.Terminalf(v1alpha1.ReasonNotWasm,
			"not a WebAssembly module: the file does not begin with \\0asm%s", guessFormat(head))
	}
	if n < preambleSize {
		return failure.Terminalf(v1alpha1.ReasonNotWasm, "not a WebAssembly module: the file ends after %d bytes", n)
	}
	return checkVersion(head[4:preambleSize])
}

func checkVersion(version []byte) error {
	switch {
	case bytes.Equal(version, coreVersion):
		return nil
	case version[2] == 1 && version[3] == 0: // the layer field of a component, of any version
		return failure.Terminalf(v1alpha1.ReasonComponent,
			"a WebAssembly component: Envoy loads core modules, not components; build the filter for a core target such as wasm32-wasip1 with a Proxy-Wasm SDK")
	}
	return failure.Terminalf(v1alpha1.ReasonNotWasm, "not a WebAssembly module that Envoy knows: version % x instead of % x", version, coreVersion)
}

// otherFormats are the first bytes of files that are mistaken for modules.
var otherFormats = []struct {
	offset int
	prefix string
	hint   string
}{
	{0, "\x1f\x8b", ": it is gzip, decompress it"},
	{0, "\x28\xb5\x2f\xfd", ": it is zstd, decompress it"},
	{257, "ustar", ": it is a tar archive, extract the module from it"},
	{0, "PK\x03\x04", ": it is a zip archive, extract the module from it"},
	{0, "\x7fELF", ": it is a native ELF program, build the filter for WebAssembly"},
	{0, "\xcf\xfa\xed\xfe", ": it is a native macOS program, build the filter for WebAssembly"},
	{0, "!<arch>", ": it is an archive of object files, link it"},
	{0, "(module", ": it is the text format, convert it with wat2wasm"},
	{0, "version https://git-lfs", ": it is a Git LFS pointer, fetch the file itself"},
	{0, "<", ": it is an HTML or XML page, perhaps a login or an error page, check the address"},
	{0, "{", ": it is JSON, perhaps a manifest or an error, check the address"},
}

// guessFormat says what a file that is not a module seems to be; empty if unknown.
func guessFormat(head []byte) string {
	text := bytes.TrimLeft(head, " \t\r\n")
	for _, f := range otherFormats {
		if len(head) > f.offset && (bytes.HasPrefix(head[f.offset:], []byte(f.prefix)) || f.offset == 0 && bytes.HasPrefix(text, []byte(f.prefix))) {
			return f.hint
		}
	}
	if utf8.Valid(head) && !bytes.ContainsRune(head, 0) {
		return ": it is text"
	}
	return ""
}

// The ids of the sections that are read.
const (
	sectionCustom   = 0
	sectionType     = 1
	sectionImport   = 2
	sectionFunction = 3
	sectionMemory   = 5
	sectionExport   = 7
	sectionStart    = 8
	sectionCode     = 10
)

// sectionOrder has the ids of all sections in the order that a module must keep. A custom section may be anywhere.
var sectionOrder = []byte{1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11}

// sectionNames are the names of the sections by id.
var sectionNames = [...]string{
	"custom", "type", "import", "function", "table", "memory", "global", "export",
	"start", "element", "code", "data", "data count", "tag",
}

// parser reads a module into a Description.
type parser struct {
	reader
	d         *Description
	sections  map[byte]span // by id, without the custom ones
	namesRead bool          // the first name section has been read
}

// readSections notes where each section is, and reads the custom ones.
func (p *parser) readSections(size int64) {
	next := 0 // index in sectionOrder of the earliest that may follow
	rest := span{preambleSize, size - preambleSize}
	for p.seek(rest); p.left() > 0 && p.err == nil; p.seek(rest) {
		at := p.pos
		id := p.byte()
		if p.err != nil {
			return
		}
		content := p.sized()
		if p.err != nil {
			p.within("section %d at byte %d", id, at)
			return
		}
		if next = p.readSection(id, content, next); p.err != nil {
			p.within("section at byte %d", at)
		}
		rest = span{content.end(), size - content.end()}
	}
}

// readSection notes a section, or reads a custom one, and returns from where in sectionOrder the next may be.
func (p *parser) readSection(id byte, content span, next int) int {
	if id == sectionCustom {
		p.readCustom(content)
		return next
	}
	index := slices.Index(sectionOrder, id)
	switch {
	case index < 0:
		p.failf("unknown section id %d", id)
	case index < next:
		p.failf("the %s section is there twice or out of order", sectionNames[id])
	}
	p.sections[id] = content
	return index + 1
}

// readEntries reads the vector that is all of a section. An absent section has no entries.
func (p *parser) readEntries(id byte, entry func()) {
	content, ok := p.sections[id]
	if !ok || p.err != nil {
		return
	}
	p.seek(content)
	count := p.u32()
	if p.err != nil {
		p.within("%s section", sectionNames[id])
		return
	}
	for i := range count {
		if entry(); p.err != nil {
			p.within("%s section, entry %d of %d", sectionNames[id], i+1, count)
			return
		}
	}
	if p.left() > 0 {
		p.failf("%s section: %d bytes too many after its %d entries", sectionNames[id], p.left(), count)
	}
}
