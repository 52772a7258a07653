// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
)

// A File of an archive, which belongs to root.
type File struct {
	// Name of the file. One that ends with a slash is of a directory.
	Name string
	Mode int64
	// Content of the file; none when it is a symbolic link to LinkTo.
	Content []byte
	LinkTo  string
}

func (f File) header(modified time.Time) *tar.Header {
	h := &tar.Header{Typeflag: tar.TypeReg, Name: f.Name, Mode: f.Mode, Size: int64(len(f.Content)), ModTime: modified, Format: tar.FormatUSTAR}
	switch {
	case f.LinkTo != "":
		h.Typeflag, h.Linkname = tar.TypeSymlink, f.LinkTo
	case strings.HasSuffix(f.Name, "/"):
		h.Typeflag = tar.TypeDir
	}
	return h
}

// Tar packs files that were modified at the same time, in their order.
func Tar(files []File, modified time.Time) ([]byte, error) {
	var out bytes.Buffer
	if err := writeTar(&out, files, modified); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// TarGz is Tar, compressed.
func TarGz(files []File, modified time.Time) ([]byte, error) {
	var out bytes.Buffer
	compressed := gzip.NewWriter(&out)
	if err := writeTar(compressed, files, modified); err != nil {
		return nil, err
	}
	if err := compressed.Close(); err != nil {
		return nil, fmt.Errorf("compress the archive: %w", err)
	}
	return out.Bytes(), nil
}

func writeTar(to io.Writer, files []File, modified time.Time) error {
	w := tar.NewWriter(to)
	for _, f := range files {
		if err := w.WriteHeader(f.header(modified)); err != nil {
			return fmt.Errorf("pack %s: %w", f.Name, err)
		}
		if _, err := w.Write(f.Content); err != nil {
			return fmt.Errorf("pack %s: %w", f.Name, err)
		}
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("end the archive: %w", err)
	}
	return nil
}

// Zip packs files for Windows, which has no links.
func Zip(files []File, modified time.Time) ([]byte, error) {
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, f := range files {
		entry, err := w.CreateHeader(&zip.FileHeader{Name: f.Name, Method: zip.Deflate, Modified: modified})
		if err != nil {
			return nil, fmt.Errorf("pack %s: %w", f.Name, err)
		}
		if _, err := entry.Write(f.Content); err != nil {
			return nil, fmt.Errorf("pack %s: %w", f.Name, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("end the archive: %w", err)
	}
	return out.Bytes(), nil
}
