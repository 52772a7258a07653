// SPDX-License-Identifier: Apache-2.0

package behaviour

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/types"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/fetch/image/imagetest"
	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
)

// TestImagesWithoutOneModule: each is refused with its own words, and invariant 2
// holds: nothing of it is left.
func TestImagesWithoutOneModule(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	two := imagetest.Gzip(imagetest.Tar("a.wasm", "1", "b.wasm", "2"))
	tests := []struct {
		name  string
		image *imagetest.Image
		words []string
	}{
		{"no-wasm", artifact(types.OCIConfigJSON, systemLayer(types.OCILayer)), []string{"no WebAssembly module in the image", "wasmc push"}},
		{"no-layers", artifact(emptyConfig), []string{"has no layers", "wasmc push"}},
		{"two-wasm", artifact(types.OCIConfigJSON, imagetest.Layer{MediaType: types.OCILayer, Content: two}),
			[]string{"several WebAssembly modules", "a.wasm", "b.wasm", "plugin.wasm"}},
		{"bomb", artifact(emptyConfig, bomb(wasmLayer, wasmtest.Module(), 2*module.MaxSize)), []string{"larger than the limit of"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ref := cluster.Push(t, "bad/"+tt.name+":v1", tt.image.Build(t))
			words := append(tt.words, "spec.filter.source.registry.image")
			cluster.Refused(t, ns, suite.Manifest{Name: tt.name, Source: suite.Image(ref)}.String(), words...)
			requireNeverWas(t, ns, tt.name)
		})
	}
}

// TestBombBehindTheModule proves invariant 7: a layer of a megabyte, of which more
// would have to be unpacked than is ever unpacked, fails with a reason, and wasmer
// lives. It is refused at admission, or, when this machine is slower than the
// budget, afterwards.
func TestBombBehindTheModule(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	archive := imagetest.Tar("plugin.wasm", string(wasmtest.Module(wasmtest.Salt(t.Name()))))
	img := artifact(types.OCIConfigJSON, bomb(types.OCILayer, archive, 32*module.MaxSize))
	ref := cluster.Push(t, "bad/bomb-behind:v1", img.Build(t))
	const words = "times the module limit of"
	_, err := cluster.TryApply(t, ns, suite.Manifest{Name: "bomb", Source: suite.Image(ref)}.String())
	if err != nil {
		if !strings.Contains(err.Error(), words) {
			t.Errorf("the refusal does not say %q: %v", words, err)
		}
		return
	}
	aw := cluster.WaitPhase(t, ns, "bomb", v1alpha1.PhaseFailed)
	if !strings.Contains(aw.Status.Message, words) {
		t.Errorf("the status does not say %q: %s", words, aw.Status.Message)
	}
}

// bomb compresses a start and then zeros, to a thousandth of what they are. No
// header tells how many. The zeros are compressed once, and the result is repeated.
func bomb(mediaType types.MediaType, start []byte, zeros int) imagetest.Layer {
	const piece = 1 << 20
	tail := bytes.Repeat(imagetest.Gzip(make([]byte, piece)), zeros/piece)
	return imagetest.Layer{MediaType: mediaType, Content: append(imagetest.Gzip(start), tail...)}
}

// requireNeverWas fails the test unless there is no AutoWasm, and no EnvoyFilter
// once what was staged is swept.
func requireNeverWas(t *testing.T, ns, name string) {
	t.Helper()
	if _, err := cluster.AutoWasm(t.Context(), ns, name); !apierrors.IsNotFound(err) {
		t.Errorf("the refused AutoWasm %s is there: %v", name, err)
	}
	suite.Eventually(t, func(ctx context.Context) error {
		if _, err := cluster.EnvoyFilter(ctx, ns, name); !apierrors.IsNotFound(err) {
			return errors.Join(errors.New("an EnvoyFilter of a refused AutoWasm"), err)
		}
		return nil
	})
}
