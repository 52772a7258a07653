//go:build cluster

// SPDX-License-Identifier: Apache-2.0

package clustertest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/e2e/tutorial"
)

// tries is how often replicas may start or copy until none has downloaded what another has. One that could not connect to the other
// within two seconds, as on a busy machine, downloads, and is right to do so.
const tries = 3

var errDownloaded = errors.New("a replica downloaded what another has")

// awaitCopies waits until try succeeds, or returns that a replica downloaded, which no waiting changes.
func awaitCopies(t testing.TB, try func(context.Context) error) (downloaded error) {
	t.Helper()
	suite.Eventually(t, func(ctx context.Context) error {
		err := try(ctx)
		if errors.Is(err, errDownloaded) {
			downloaded = err
			return nil
		}
		return err
	})
	return downloaded
}

// requireFilledFromReplicas requires that replicas that have just started fill their stores from others.
func requireFilledFromReplicas(t testing.TB) {
	t.Helper()
	var err error
	for range tries {
		if err = awaitCopies(t, filledFromReplicas); err == nil {
			return
		}
		t.Logf("%v: they start again", err)
		rollWasmer(t)
	}
	t.Error(err)
}

// filledFromReplicas returns nil when every replica has modules, and all of them from another one.
func filledFromReplicas(ctx context.Context) error {
	replicas, err := metrics(ctx) // an old one that is ending may not answer
	if err != nil {
		return err
	}
	for pod, m := range replicas {
		if m.downloads > 0 {
			return fmt.Errorf("%s: %w", pod, errDownloaded)
		}
		if m.modules < 1 || m.fills < m.modules {
			return fmt.Errorf("%s has %v modules after %v fills", pod, m.modules, m.fills)
		}
	}
	return nil
}

// TestAModuleIsDownloadedOnce applies AutoWasms of new modules, each of which is admitted by one replica or the other, and
// reconciled by the leader. Whichever downloads a module, the other copies it.
func TestAModuleIsDownloadedOnce(t *testing.T) {
	const modules = 4
	ns := newNamespace(t, "once")
	awaitReplicas(t)
	var err error
	for n := range tries {
		before := sum(t)
		applyNewModules(t, ns, n*modules, modules)
		err = awaitCopies(t, func(context.Context) error { return downloadedOnce(before, sum(t), modules) })
		if err == nil {
			return
		}
		t.Logf("%v: with other modules", err)
	}
	t.Error(err)
}

// applyNewModules applies one AutoWasm with one new module after the other. before is how often that was done in the namespace.
func applyNewModules(t testing.TB, ns string, before, modules int) {
	t.Helper()
	for n := before; n < before+modules; n++ {
		image := pushFile(t, fmt.Sprintf("once/wasm-%d", n), unlikeOthers(t))
		apply(t, ns, tutorial.Manifest{Image: image, App: "nobody"}.String()) // the first time a create, then a change of the image
		kubectl(t, "wait", "autowasm/test", "-n", ns, fmt.Sprintf("--for=jsonpath={.status.observedGeneration}=%d", n+1), suite.TimeoutFlag)
		kubectl(t, "wait", "autowasm/test", "-n", ns, "--for=jsonpath={.status.phase}=Synced", suite.TimeoutFlag)
	}
}

// downloadedOnce returns nil when of so many modules each came from the registry once, and to all other replicas from there.
func downloadedOnce(before, after storeMetrics, modules float64) error {
	downloads, fills := after.downloads-before.downloads, after.fills-before.fills
	if downloads > modules {
		return fmt.Errorf("%v downloads of %v modules: %w", downloads, modules, errDownloaded)
	}
	if downloads < modules || fills < modules*(wasmerReplicas-1) {
		return fmt.Errorf("%v downloads and %v fills of %v modules", downloads, fills, modules)
	}
	return nil
}

// sum is the metrics of all replicas together.
func sum(t testing.TB) (all storeMetrics) {
	t.Helper()
	replicas, err := metrics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range replicas {
		all.modules, all.fills, all.downloads = all.modules+m.modules, all.fills+m.fills, all.downloads+m.downloads
	}
	return all
}

// unlikeOthers is a file with the example filter as no other test has it: with a custom section of its own at the end.
func unlikeOthers(t testing.TB) string {
	t.Helper()
	module := read(t, smallFilter(t))
	name := rand.Text()
	module = append(module, 0, byte(len(name)+1), byte(len(name)))
	file := filepath.Join(t.TempDir(), "filter.wasm")
	if err := os.WriteFile(file, append(module, name...), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// storeMetrics are those of a replica that say what its store has and how it came there.
type storeMetrics struct{ modules, fills, downloads float64 }

// metrics are those of each replica, by the name of its Pod, as the API server's proxy gets them.
func metrics(ctx context.Context) (map[string]storeMetrics, error) {
	pods, err := runKubectl(ctx, "", "get", "pods", "-n", wasmerNamespace, "-l", "app.kubernetes.io/name=wasmer",
		"-o=jsonpath={.items[*].metadata.name}")
	if err != nil {
		return nil, err
	}
	of := map[string]storeMetrics{}
	for pod := range strings.FieldsSeq(pods) {
		page, err := runKubectl(ctx, "", "get", "--raw", "/api/v1/namespaces/"+wasmerNamespace+"/pods/"+pod+":8080/proxy/metrics")
		if err != nil {
			return nil, err
		}
		of[pod] = storeMetrics{
			modules:   metric(page, "wasmer_store_modules"),
			fills:     metric(page, `wasmer_module_fills_total{outcome="Success"}`),
			downloads: metric(page, `wasmer_module_downloads_total{outcome="Success"}`),
		}
	}
	if len(of) == 0 {
		return nil, errors.New("wasmer has no Pods")
	}
	return of, nil
}

// metric is the value of a series in a page of metrics, in which one that has not begun, and is 0, is missing.
func metric(page, series string) float64 {
	for line := range strings.Lines(page) {
		if text, ok := strings.CutPrefix(line, series+" "); ok {
			value, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
			if err != nil {
				return -1
			}
			return value
		}
	}
	return 0
}
