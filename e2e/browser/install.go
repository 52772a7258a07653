// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/andybalholm/brotli"

	"github.com/autowasm/autowasm/internal/download"
)

// A pack is the file of a version of an npm package.
type pack struct {
	name, version string
	sha256        string // lower-case hexadecimal
	size          string
}

// maxUnpacked bounds what is written of one file.
const maxUnpacked = 1 << 30

// install downloads a package and unpacks it, whole, into a directory.
func install(ctx context.Context, p pack, dir string) error {
	file := download.File{
		SHA256: p.sha256,
		Fetch:  func(ctx context.Context, to string) (string, error) { return fetch(ctx, p, to) },
		Unpack: func(file, to string) error {
			if err := unpack(file, to); err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(to, fontsConfig), fmt.Appendf(nil, fonts, filepath.Join(dir, "fonts")), 0o644)
		},
	}
	return file.Install(ctx, dir)
}

// fontsConfig is the file by which the browser finds its fonts, those of the package and those of the machine: without any, it
// ends as soon as it draws text. The package's own names directories of the system.
const (
	fontsConfig = "fonts.conf"
	fonts       = `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>%[1]s</dir>
  <dir>/usr/share/fonts</dir>
  <cachedir>%[1]s/cache</cachedir>
</fontconfig>
`
)

// fetch has npm bring the package into a directory and returns the file's path.
func fetch(ctx context.Context, p pack, dir string) (string, error) {
	if _, err := exec.LookPath("npm"); err != nil {
		return "", fmt.Errorf("find npm, which downloads it: %w", err)
	}
	npm := exec.CommandContext(ctx, "npm", "pack", "--silent", "--ignore-scripts", "--pack-destination="+dir, p.name+"@"+p.version)
	npm.Dir = dir
	if out, err := npm.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", npm, err, out)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if err != nil || len(files) != 1 {
		return "", fmt.Errorf("npm left %d packages in %s, want one (%v)", len(files), dir, err)
	}
	return files[0], nil
}

// unpack unpacks what a package compresses with brotli: package/bin/…/NAME.br becomes the file NAME, and NAME.tar.br a
// directory of that name.
func unpack(path, dir string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	compressed, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	files := tar.NewReader(compressed)
	for {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if name, ok := strings.CutSuffix(filepath.Base(header.Name), ".br"); ok {
			if err := unpackOne(files, dir, name); err != nil {
				return fmt.Errorf("%s: %w", header.Name, err)
			}
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "chromium")); err != nil {
		return errors.New("it holds no chromium.br")
	}
	return nil
}

func unpackOne(from io.Reader, dir, name string) error {
	content := io.LimitReader(brotli.NewReader(from), maxUnpacked)
	archive, ok := strings.CutSuffix(name, ".tar")
	if !ok {
		return write(content, filepath.Join(dir, name), 0o755)
	}
	if archive == "swiftshader" { // the browser looks for its libraries beside itself
		archive = "."
	}
	files := tar.NewReader(content)
	for {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if header.Typeflag != tar.TypeReg || !filepath.IsLocal(header.Name) {
			continue
		}
		if err := write(files, filepath.Join(dir, archive, header.Name), 0o755); err != nil {
			return err
		}
	}
}

func write(from io.Reader, path string, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	to, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	if _, err := io.Copy(to, from); err != nil {
		to.Close()
		return err
	}
	return to.Close()
}
