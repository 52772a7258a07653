// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/release/program"
)

var modified = time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC)

func binaryFor(system string) *program.Binary {
	return &program.Binary{
		Program: program.Wasmc, Platform: program.Platform{OS: system, Arch: "arm64"}, Version: "v1.2.3", Content: []byte("program"),
	}
}

// tarred lists what is in an archive.
func tarred(t *testing.T, content []byte) (listed []string) {
	t.Helper()
	unpacked, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	for files := tar.NewReader(unpacked); ; {
		header, err := files.Next()
		if err == io.EOF {
			return listed
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(files)
		if err != nil {
			t.Fatal(err)
		}
		if header.Uid != 0 || !header.ModTime.Equal(modified) {
			t.Errorf("%s belongs to %d and is of %s", header.Name, header.Uid, header.ModTime)
		}
		listed = append(listed, fmt.Sprintf("%s %s %s%s", header.FileInfo().Mode(), header.Name, body, header.Linkname))
	}
}

// TestTar: files, directories and links, whose bytes are part of the digests of images.
func TestTar(t *testing.T) {
	files := []File{{Name: "a", Mode: 0o444, Content: []byte("content")}, {Name: "tmp/", Mode: 0o1777}, {Name: "b", Mode: 0o777, LinkTo: "a"}}
	compressed, err := TarGz(files, modified)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"-r--r--r-- a content", "dtrwxrwxrwx tmp/ ", "Lrwxrwxrwx b a"}
	if diff := cmp.Diff(want, tarred(t, compressed)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	content, err := Tar(files, modified)
	if err != nil {
		t.Fatal(err)
	}
	const sum = "471105b730b7494cf913451e22071c118afc609321002dfe3d9efb91f07b0871"
	if got := fmt.Sprintf("%x", sha256.Sum256(content)); got != sum {
		t.Errorf("the archive's digest is %s, want %s", got, sum)
	}
}

func TestProgram(t *testing.T) {
	name, content, err := Program(binaryFor("darwin"), modified, []byte("license"))
	if err != nil || name != "wasmc_v1.2.3_darwin_arm64.tar.gz" {
		t.Errorf("%s, %v", name, err)
	}
	want := []string{"-rw-r--r-- LICENSE license", "-rwxr-xr-x wasmc program", "Lrwxrwxrwx kubectl-wasmc wasmc"}
	if diff := cmp.Diff(want, tarred(t, content)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, again, _ := Program(binaryFor("darwin"), modified, []byte("license")); !bytes.Equal(content, again) {
		t.Error("a second archive of the same is another")
	}
}

func TestProgramForWindows(t *testing.T) {
	name, content, err := Program(binaryFor("windows"), modified, []byte("license"))
	if err != nil || name != "wasmc_v1.2.3_windows_arm64.zip" {
		t.Errorf("%s, %v", name, err)
	}
	files, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range files.File {
		got = append(got, f.Name)
		if !f.Modified.Equal(modified) {
			t.Errorf("%s is of %s", f.Name, f.Modified)
		}
	}
	if diff := cmp.Diff([]string{"LICENSE", "wasmc.exe"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestChart: as helm package has it: below the chart's name, without what is hidden.
func TestChart(t *testing.T) {
	dir := t.TempDir()
	if name, _, err := Chart(dir, modified); name != "" || err != nil {
		t.Errorf("no chart: %s, %v", name, err)
	}
	for path, content := range map[string]string{
		"Chart.yaml": "apiVersion: v2\nname: wasmer\nversion: 1.2.3\n", "templates/a.yaml": "a", ".helmignore": "x", "crds/b.yaml": "b", ".git/config": "c",
	} {
		file := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	name, content, err := Chart(dir, modified)
	if err != nil || name != "wasmer-1.2.3.tgz" {
		t.Errorf("%s, %v", name, err)
	}
	want := []string{
		"-rw-r--r-- wasmer/Chart.yaml apiVersion: v2\nname: wasmer\nversion: 1.2.3\n",
		"-rw-r--r-- wasmer/crds/b.yaml b", "-rw-r--r-- wasmer/templates/a.yaml a",
	}
	if diff := cmp.Diff(want, tarred(t, content)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := os.WriteFile(filepath.Join(dir, "Chart.yaml"), []byte("name: wasmer"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Chart(dir, modified); err == nil {
		t.Error("a chart without a version")
	}
}

func TestSums(t *testing.T) {
	want := fmt.Sprintf("%x  a\n%x  b\n", sha256.Sum256([]byte("1")), sha256.Sum256([]byte("2")))
	if got := string(Sums(map[string][]byte{"b": []byte("2"), "a": []byte("1")})); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
