package archive

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"fmt"
	"time"

	"github.com/klauspost/compress/gzip"
)

// A File of an archive.
type File struct {
	Name string
	Mode int64
	// Content of the file; none when it is a symbolic link to LinkTo.
	Content []byte
	LinkTo  string
}

// TarGz packs files that were modified at the same time.
func TarGz(files []File, modified time.Time) ([]byte, error) {
	var out bytes.Buffer
	compressed := gzip.NewWriter(&out)
	w := tar.NewWriter(compressed)
	for _, f := range files {
		header := &tar.Header{Typeflag: tar.TypeReg, Name: f.Name, Mode: f.Mode, Size: int64(len(f.Content)), ModTime: modified, Format: tar.FormatUSTAR}
		if f.LinkTo != "" {
			header.Typeflag, header.Linkname = tar.TypeSymlink, f.LinkTo
		}
		if err := w.WriteHeader(header); err != nil {
			return nil, fmt.Errorf("pack %s: %w", f.Name, err)
		}
		if _, err := w.Write(f.Content); err != nil {
			return nil, fmt.Errorf("pack %s: %w", f.Name, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("end the archive: %w", err)
	}
	if err := compressed.Close(); err != nil {
		return nil, fmt.Errorf("compress the archive: %w", err)
	}
	return out.Bytes(), nil
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
