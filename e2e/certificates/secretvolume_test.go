// SPDX-License-Identifier: Apache-2.0

package certificates

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// mountPeriod is how soon the files follow the Secret. A kubelet takes up to two minutes, which leaves cainjector time:
// the order in which the files and the caBundles change is the harder one here.
const mountPeriod = 20 * time.Millisecond

// mountLag is how much later the files of the second replica follow: each node has a kubelet.
const mountLag = time.Second

// mount has a directory follow a Secret after a lag, as a kubelet does for a volume, until the test ends. What was
// mounted stays when the Secret is deleted.
func mount(t *testing.T, name string, lag time.Duration) (dir string) {
	t.Helper()
	dir = t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- follow(ctx, name, dir, lag) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("mount the Secret %s: %v", name, err)
		}
	})
	return dir
}

func follow(ctx context.Context, name, dir string, lag time.Duration) error {
	var mounted string
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(mountPeriod):
		}
		secret, err := get(ctx, name)
		if apierrors.IsNotFound(err) || ctx.Err() != nil || err == nil && secret.ResourceVersion == mounted {
			continue
		}
		if err != nil {
			return err
		}
		time.Sleep(lag)
		if err := project(secret, dir); err != nil {
			return err
		}
		mounted = secret.ResourceVersion
	}
}

// project replaces all files at once: tls.crt is a link to ..data/tls.crt, and ..data to the directory of this version.
func project(secret *corev1.Secret, dir string) error {
	version, data := ".."+secret.ResourceVersion, filepath.Join(dir, "..data")
	if err := os.Mkdir(filepath.Join(dir, version), 0o755); err != nil {
		return err
	}
	for key, content := range secret.Data {
		if err := os.WriteFile(filepath.Join(dir, version, key), content, 0o600); err != nil {
			return err
		}
	}
	former, _ := os.Readlink(data)
	if err := replaceLink(version, data); err != nil {
		return err
	}
	for key := range secret.Data {
		if err := replaceLink(filepath.Join("..data", key), filepath.Join(dir, key)); err != nil {
			return err
		}
	}
	if former == "" {
		return nil
	}
	return os.RemoveAll(filepath.Join(dir, former))
}

// replaceLink makes a symbolic link in place of what is there, unless it is there.
func replaceLink(target, link string) error {
	if is, _ := os.Readlink(link); is == target {
		return nil
	}
	if err := os.Symlink(target, link+"_tmp"); err != nil {
		return fmt.Errorf("link %s: %w", link, err)
	}
	return os.Rename(link+"_tmp", link)
}
