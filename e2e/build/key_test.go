// SPDX-License-Identifier: Apache-2.0

package build

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// module makes a directory with the given files and returns its path.
func module(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		write(t, filepath.Join(dir, name), []byte(content))
	}
	return dir
}

func tiny() map[string]string {
	return map[string]string{
		"go.mod":  "module example.com/tiny\n\ngo 1.26.0\n",
		"go.sum":  "",
		"main.go": "package main\n\nvar said = \"nothing\"\n\nfunc main() { print(said) }\n",
	}
}

func TestKeyChangesWithEverythingThatDecidesTheBytes(t *testing.T) {
	base := target{"go1.26.0", "linux", "amd64"}
	part := Part{Name: "tiny"}
	of := func(files map[string]string, p Part, t0 target) string {
		k, err := key(module(t, files), p, t0)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	want := of(tiny(), part, base)
	if !regexp.MustCompile(`^[0-9a-f]{16}$`).MatchString(want) {
		t.Errorf("key %q is not 16 hexadecimal digits", want)
	}
	with := func(name, content string) map[string]string {
		files := tiny()
		files[name] = content
		return files
	}
	for name, tc := range map[string]struct {
		files map[string]string
		part  Part
		at    target
		same  bool
	}{
		"the same":              {tiny(), part, base, true},
		"a file not of Go":      {with("README.md", "x"), part, base, true},
		"a license":             {with("main.go", "// SPDX-License-Identifier: Apache-2.0\n\n"+tiny()["main.go"]), part, base, true},
		"titles":                {tiny(), Part{Name: "tiny", Title: "T", Takes: "long"}, base, true},
		"go.mod":                {with("go.mod", "module example.com/tiny\n"), part, base, false},
		"go.sum":                {with("go.sum", "x"), part, base, false},
		"a changed source":      {with("main.go", "package main\n"), part, base, false},
		"one more source":       {with("more.go", "package main\n"), part, base, false},
		"a source in a package": {with("of/more.go", "package of\n"), part, base, false},
		"link flags":            {tiny(), Part{Name: "tiny", LDFlags: []string{"-X=a.b=c"}}, base, false},
		"another program":       {tiny(), Part{Name: "tiny", Package: "example.com/other"}, base, false},
		"the version of Go":     {tiny(), part, target{"go1.26.1", "linux", "amd64"}, false},
		"the operating system":  {tiny(), part, target{"go1.26.0", "darwin", "amd64"}, false},
		"the architecture":      {tiny(), part, target{"go1.26.0", "linux", "arm64"}, false},
	} {
		if got := of(tc.files, tc.part, tc.at); (got == want) != tc.same {
			t.Errorf("%s: key %s, base %s, want the same: %t", name, got, want, tc.same)
		}
	}
}

func TestKeyOfWhatIsNoModule(t *testing.T) {
	if k, err := key(t.TempDir(), Part{}, target{}); err == nil {
		t.Errorf("an empty directory has the key %s", k)
	}
}

// TestKubernetesVersions keeps the versions that programs of Kubernetes report those of the modules they are built from.
func TestKubernetesVersions(t *testing.T) {
	for part, want := range map[string]string{
		ControlPlane.Name: KubernetesVersion, Kube.Name: KubernetesVersion, FloorAPIServer.Name: FloorKubernetesVersion,
	} {
		gomod, err := os.ReadFile(filepath.Join("..", part, "go.mod"))
		if err != nil {
			t.Fatal(err)
		}
		m := regexp.MustCompile(`(?m)^\s*k8s\.io/kubernetes (v\S+)$`).FindSubmatch(gomod)
		if m == nil || string(m[1]) != want {
			t.Errorf("e2e/%s requires %q, and would report %s", part, m, want)
		}
	}
}
