// SPDX-License-Identifier: Apache-2.0

package image

import (
	"archive/tar"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// A File is one of an image: a regular file with a content or a source, a link, or a directory. It belongs to root.
type File struct {
	Path    string // in the image, absolute
	Mode    fs.FileMode
	Content string // of a small regular file
	Source  string // of a regular file: a path on this machine
	Link    string // what a symbolic link leads to
}

// Program is a program of this machine at a path of an image.
func Program(path, source string) File { return File{Path: path, Source: source, Mode: 0o755} }

// Dir is a directory.
func Dir(path string, mode fs.FileMode) File { return File{Path: path, Mode: fs.ModeDir | mode} }

// Link is a symbolic link.
func Link(path, to string) File { return File{Path: path, Link: to, Mode: 0o777} }

// Text is a small file.
func Text(path, content string) File { return File{Path: path, Content: content, Mode: 0o644} }

// writeTar writes an archive of the files, in their order.
func writeTar(w io.Writer, files []File) error {
	archive := tar.NewWriter(w)
	for _, f := range files {
		if err := f.write(archive); err != nil {
			return fmt.Errorf("add %s to a layer: %w", f.Path, err)
		}
	}
	return archive.Close()
}

func (f File) write(archive *tar.Writer) error {
	header := &tar.Header{Name: strings.TrimPrefix(f.Path, "/"), Mode: f.mode(), Format: tar.FormatPAX}
	switch {
	case f.Mode.IsDir():
		header.Typeflag, header.Name = tar.TypeDir, header.Name+"/"
		return archive.WriteHeader(header)
	case f.Link != "":
		header.Typeflag, header.Linkname = tar.TypeSymlink, f.Link
		return archive.WriteHeader(header)
	case f.Source == "":
		return writeRegular(archive, header, strings.NewReader(f.Content), int64(len(f.Content)))
	}
	source, err := os.Open(f.Source)
	if err != nil {
		return err
	}
	defer source.Close()
	info, err := source.Stat()
	if err != nil {
		return err
	}
	return writeRegular(archive, header, source, info.Size())
}

// mode is that of the archive, in which the sticky bit has another value.
func (f File) mode() int64 {
	mode := int64(f.Mode.Perm())
	if f.Mode&fs.ModeSticky != 0 {
		mode |= 0o1000
	}
	return mode
}

func writeRegular(archive *tar.Writer, header *tar.Header, content io.Reader, size int64) error {
	header.Typeflag, header.Size = tar.TypeReg, size
	if err := archive.WriteHeader(header); err != nil {
		return err
	}
	_, err := io.Copy(archive, content)
	return err
}
