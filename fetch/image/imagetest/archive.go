// SPDX-License-Identifier: Apache-2.0

package imagetest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"

	"github.com/klauspost/compress/zstd"
)

// Tar packs regular files, name and content in turn.
func Tar(files ...string) []byte {
	var headers []tar.Header
	var contents []string
	for i := 0; i < len(files); i += 2 {
		headers = append(headers, tar.Header{Typeflag: tar.TypeReg, Name: files[i]})
		contents = append(contents, files[i+1])
	}
	return tarEntries(headers, contents)
}

// TarLink packs one entry of a type that is not a regular file's.
func TarLink(typeflag byte, name, target string) []byte {
	return tarEntries([]tar.Header{{Typeflag: typeflag, Name: name, Linkname: target}}, []string{""})
}

func tarEntries(headers []tar.Header, contents []string) []byte {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for i := range headers {
		headers[i].Size = int64(len(contents[i]))
		headers[i].Mode = 0o644
		must(w.WriteHeader(&headers[i]))
		must2(io.WriteString(w, contents[i]))
	}
	must(w.Close())
	return out.Bytes()
}

// TarHeader is the header of a regular file alone, whatever size it declares.
func TarHeader(name string, size int64) []byte {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	must(w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644}))
	return out.Bytes()
}

// Gzip compresses into one gzip member. Members may be joined into one stream.
func Gzip(content []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	must2(w.Write(content))
	must(w.Close())
	return out.Bytes()
}

// Zstd compresses into one zstd frame.
func Zstd(content []byte) []byte {
	w, err := zstd.NewWriter(nil)
	must(err)
	return w.EncodeAll(content, nil)
}

// must is for what cannot fail: writing to memory.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

func must2(_ int, err error) { must(err) }
