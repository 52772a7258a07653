package module

import (
	"bytes"
	"errors"
	"io"
	"unicode/utf8"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
)

// headerSize is the length of the magic number and the version.
const headerSize = 8

var (
	magic         = []byte("\x00asm")
	moduleVersion = []byte{1, 0, 0, 0}
)

// checkHeader refuses whatever does not begin as a core module.
func checkHeader(r io.ReaderAt, size int64) error {
	if size <= 0 {
		return failure.Terminalf(v1alpha1.ReasonNotWasm, "not a WebAssembly module: the file is empty")
	}
	head := make([]byte, min(size, 512))
	n, err := r.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return &readError{err}
	}
	head = head[:n]
	if !bytes.HasPrefix(head, magic) {
		return failure.Terminalf(v1alpha1.ReasonNotWasm,
			"not a WebAssembly module: the file begins with % x instead of \\0asm%s", head[:min(n, 4)], looksLike(head))
	}
	if n < headerSize {
		return failure.Terminalf(v1alpha1.ReasonNotWasm, "not a WebAssembly module: the file ends after %d bytes", n)
	}
	return checkVersion(head[4:headerSize])
}

func checkVersion(version []byte) error {
	switch {
	case bytes.Equal(version, moduleVersion):
		return nil
	case version[2] == 1 && version[3] == 0: // the layer of components, in any version
		return failure.Terminalf(v1alpha1.ReasonComponent,
			"a WebAssembly component: Envoy loads core modules, not components; build the filter for a core target such as wasm32-wasip1 with a Proxy-Wasm SDK")
	}
	return failure.Terminalf(v1alpha1.ReasonNotWasm, "not a WebAssembly module that Envoy knows: version % x instead of % x", version, moduleVersion)
}

// lookalikes are beginnings of files that are mistaken for modules.
var lookalikes = []struct {
	offset int
	prefix string
	words  string
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

// looksLike says what a file that is not a module seems to be, if it can tell.
func looksLike(head []byte) string {
	text := bytes.TrimLeft(head, " \t\r\n")
	for _, l := range lookalikes {
		if len(head) > l.offset && (bytes.HasPrefix(head[l.offset:], []byte(l.prefix)) || l.offset == 0 && bytes.HasPrefix(text, []byte(l.prefix))) {
			return l.words
		}
	}
	if utf8.Valid(head) && !bytes.ContainsRune(head, 0) {
		return ": it is text"
	}
	return ""
}
