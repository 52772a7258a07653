// SPDX-License-Identifier: Apache-2.0

package build

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// replace has a file made in a temporary directory beside its destination and moves it there, so that whoever looks
// at the destination, or runs it, sees the old file or the whole new one.
func replace(destination string, write func(temp string) error) error {
	dir := filepath.Dir(destination)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	temp, err := os.MkdirTemp(dir, ".building-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	file := filepath.Join(temp, filepath.Base(destination))
	if err := write(file); err != nil {
		return err
	}
	return os.Rename(file, destination)
}

// copyExisting copies a program, unless there is none.
func copyExisting(from, to string) error {
	in, err := os.Open(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
