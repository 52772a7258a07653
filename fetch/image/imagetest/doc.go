// SPDX-License-Identifier: Apache-2.0

// Package imagetest builds OCI images of any shape in memory, valid and not, for
// tests: what tools push, and what none of them would.
//
//	packed := imagetest.Gzip(imagetest.Tar("plugin.wasm", string(module)))
//	img := &imagetest.Image{
//		ConfigType: types.OCIConfigJSON,
//		Layers:     []imagetest.Layer{{MediaType: types.OCILayer, Content: packed}},
//	}
//	remote.Write(ref, img.Build(t))
//
// Nothing is checked or completed: a manifest says what its Image says, true or
// not. The same call always returns the same bytes.
package imagetest
