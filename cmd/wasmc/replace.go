package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// replaceFile has a file written beside path and moved there when that went well,
// so that path never holds half a module. A link at path is followed.
func replaceFile(path string, write func(*os.File) (*localModule, error)) (*localModule, error) {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".wasmc-*")
	if err != nil {
		return nil, err
	}
	written, err := write(f)
	if err != nil {
		discard(f)
		return nil, err
	}
	if err := moveInto(f, path); err != nil {
		discard(f)
		return nil, fmt.Errorf("write %s: %w", path, err)
	}
	return written, nil
}

func moveInto(f *os.File, path string) error {
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// discard removes a temporary file.
func discard(f *os.File) {
	f.Close()
	os.Remove(f.Name())
}
