// SPDX-License-Identifier: Apache-2.0

package suite

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/autowasm/autowasm/internal/doctest"
)

// Documented returns a shell for sections of the documentation (see internal/doctest), and a directory that is the first of its
// PATH, beside the checkout's bin. The shell is in an empty directory, with no credentials but those of the cluster's
// administrator. The pages' registry.example is the public registry, their namespace default is the one that is given, and
// their /home/me is the user's home.
func (c *Cluster) Documented(t testing.TB, namespace string) (s doctest.Shell, bin string) {
	t.Helper()
	home, bin := t.TempDir(), t.TempDir()
	s = doctest.Shell{
		Root: c.Checkout, Dir: t.TempDir(),
		Env:    UserEnv(home, Kubeconfig(t, c.Kubeconfig, namespace), bin, filepath.Join(c.Checkout, "bin")),
		Stands: []string{"https://registry.example", "http://" + c.Registry, "registry.example", c.Registry},
	}
	s.Shown = []string{"/home/me/.docker", filepath.Join(home, ".docker")}
	if namespace != "default" {
		s.Shown = append(s.Shown, "default", namespace)
	}
	return s, bin
}

// UserEnv is the environment of a user's shell, with directories that come first in its PATH. In an empty home it gives no
// credentials but those of the kubeconfig.
func UserEnv(home, kubeconfig string, path ...string) []string {
	return []string{
		"HOME=" + home, "DOCKER_CONFIG=" + filepath.Join(home, ".docker"), "LC_ALL=C.UTF-8",
		"PATH=" + strings.Join(append(path, os.Getenv("PATH")), ":"),
		"KUBECONFIG=" + kubeconfig, "KUBECACHEDIR=" + filepath.Join(home, "cache"), "KUBERC=off",
	}
}

// Kubeconfig writes a copy of a kubeconfig whose current namespace is this one, and returns its path.
func Kubeconfig(t testing.TB, path, namespace string) string {
	t.Helper()
	config, err := clientcmd.LoadFromFile(path)
	if err != nil {
		t.Fatal(err)
	}
	config.Contexts[config.CurrentContext].Namespace = namespace
	copied := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, copied); err != nil {
		t.Fatal(err)
	}
	return copied
}

// WriteFile writes a file for the commands of a section, below a directory.
func WriteFile(t testing.TB, dir, name string, content []byte) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

// Link makes a link to a program.
func Link(t testing.TB, program, link string) {
	t.Helper()
	if err := os.Symlink(program, link); err != nil {
		t.Fatal(err)
	}
}
