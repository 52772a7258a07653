// SPDX-License-Identifier: Apache-2.0

package image_test

import (
	"bytes"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/autowasm/autowasm/configschema"
	"github.com/autowasm/autowasm/fetch/image"
)

const specLayer = "application/vnd.module.wasm.spec.v1+yaml"

func TestSpec(t *testing.T) {
	plugin := layer{MediaType: types.OCILayer, Content: gzipOf(tarOf("plugin.wasm", string(wasm)))}
	spec := layer{MediaType: specLayer, Content: []byte("apiVersion: 1.0.0"), Title: "spec.yaml"}
	const tooLarge = `the description of the plugin, a layer of type "` + specLayer + `", has more than 262144 bytes`
	forever := &endless{pattern: []byte("a")}
	tests := []struct {
		name   string
		layers []layer
		want   string
		err    string
	}{
		{"none", []layer{plugin}, "", ""},
		{"Higress", []layer{spec, plugin}, "apiVersion: 1.0.0", ""},
		{"as JSON", []layer{{MediaType: "application/vnd.module.wasm.spec.v1+json", Content: []byte("{}")}, plugin}, "{}", ""},
		{"too large", []layer{{MediaType: specLayer, Content: bytes.Repeat([]byte("a"), configschema.MaxFileBytes+1)}, plugin}, "", tooLarge},
		{"endless", []layer{{MediaType: specLayer, Content: []byte("a"), Open: func() io.Reader { return forever }}, plugin}, "", tooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			i := testImage{ConfigType: emptyConfig, Layers: tt.layers}
			got, err := image.Spec(t.Context(), i.Build(t))
			words := ""
			if err != nil {
				words = err.Error()
			}
			if diff := cmp.Diff([]string{tt.want, tt.err}, []string{string(got), words}); diff != "" {
				t.Error(diff)
			}
			for _, opened := range i.Opened {
				if opened == digestOf(plugin.Content) {
					t.Error("the layer of the module was opened")
				}
			}
		})
	}
	if forever.read > 2*configschema.MaxFileBytes {
		t.Errorf("%d bytes are read", forever.read)
	}
}
