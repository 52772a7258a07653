// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"sigs.k8s.io/yaml"
)

// Chart returns the Helm chart in dir as helm package makes it, and its file name. Where there is none, the name is "".
func Chart(dir string, modified time.Time) (file string, content []byte, err error) {
	raw, err := os.ReadFile(filepath.Join(dir, "Chart.yaml"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil, nil
	}
	if err != nil {
		return "", nil, fmt.Errorf("read the chart: %w", err)
	}
	var chart struct{ Name, Version string }
	if err := yaml.Unmarshal(raw, &chart); err != nil {
		return "", nil, fmt.Errorf("read the chart: %w", err)
	}
	if chart.Name == "" || chart.Version == "" {
		return "", nil, fmt.Errorf("read the chart: %s lacks a name or a version", filepath.Join(dir, "Chart.yaml"))
	}
	files, err := chartFiles(dir, chart.Name)
	if err != nil {
		return "", nil, fmt.Errorf("read the chart: %w", err)
	}
	content, err = TarGz(files, modified)
	return chart.Name + "-" + chart.Version + ".tgz", content, err
}

// chartFiles are the files below dir in the order of their paths, but for hidden ones.
func chartFiles(dir, chart string) (files []File, err error) {
	err = filepath.WalkDir(dir, func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case file != dir && strings.HasPrefix(entry.Name(), "."):
			if entry.IsDir() {
				return filepath.SkipDir
			}
			return nil
		case entry.IsDir():
			return nil
		}
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		inside, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		files = append(files, File{Name: path.Join(chart, filepath.ToSlash(inside)), Mode: 0o644, Content: content})
		return nil
	})
	return files, err
}
