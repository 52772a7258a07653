// SPDX-License-Identifier: Apache-2.0

package image

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/gzip"
)

const (
	runtimeConfigName = "runtime-config.json"
	archiveName       = "plugin.tar.gz"

	variantAnnotation = "module.wasm.image/variant"
	runtimeAnnotation = "module.wasm.runtime/type"
	abiAnnotation     = "module.wasm.runtime/abi_version"
	envoyRuntime      = "envoy_proxy"
)

// Image builds what docker build would: an image for linux/amd64, whichever machine it is made on, with one layer that
// holds plugin.wasm and runtime-config.json. Docker, podman, containerd, Kubernetes' image volumes, Istio and Envoy
// Gateway read it, and every registry takes it. abi is the version of the Proxy-Wasm ABI, for the runtime
// configuration; it may be empty.
//
// The same arguments give the same digest: no time is recorded, and the compressor is not the Go toolchain's.
func Image(module []byte, abi string) (v1.Image, error) {
	runtime, err := runtimeConfig(abi)
	if err != nil {
		return nil, err
	}
	archive, err := packTar(file{preferredName, module}, file{runtimeConfigName, runtime})
	if err != nil {
		return nil, err
	}
	layer, err := compress(archive)
	if err != nil {
		return nil, err
	}
	config, err := imageConfig(archive)
	if err != nil {
		return nil, err
	}
	return assemble(types.OCIConfigJSON, config, map[string]string{variantAnnotation: "compat"},
		titledLayer{static.NewLayer(layer, types.OCILayer), archiveName})
}

// Binary builds the artifact of Solo's wasme: the module uncompressed, beside its runtime configuration. Istio, Envoy
// Gateway and oras read it, docker does not. abi is as for [Image]. The same arguments give the same digest.
func Binary(module []byte, abi string) (v1.Image, error) {
	runtime, err := runtimeConfig(abi)
	if err != nil {
		return nil, err
	}
	annotations := map[string]string{runtimeAnnotation: envoyRuntime}
	if abi != "" {
		annotations[abiAnnotation] = abi
	}
	return assemble(soloConfigType, runtime, annotations,
		titledLayer{static.NewLayer(runtime, soloConfigType), runtimeConfigName},
		titledLayer{static.NewLayer(module, soloLayerType), preferredName})
}

// runtimeConfig is what readers of Wasm images expect beside a module.
func runtimeConfig(abi string) ([]byte, error) {
	abis := []string{}
	if abi != "" {
		abis = append(abis, abi)
	}
	config := map[string]any{
		"type":        envoyRuntime,
		"abiVersions": abis,
		"config":      map[string]any{"rootIds": []string{}},
	}
	raw, err := json.Marshal(config)
	if err != nil {
		return nil, fmt.Errorf("encode the runtime configuration: %w", err)
	}
	return raw, nil
}

func imageConfig(archive []byte) ([]byte, error) {
	diffID, _, err := v1.SHA256(bytes.NewReader(archive))
	if err != nil {
		return nil, fmt.Errorf("hash the layer: %w", err)
	}
	raw, err := json.Marshal(v1.ConfigFile{
		Created:      v1.Time{Time: time.Unix(0, 0).UTC()},
		Architecture: "amd64",
		OS:           "linux",
		RootFS:       v1.RootFS{Type: "layers", DiffIDs: []v1.Hash{diffID}},
	})
	if err != nil {
		return nil, fmt.Errorf("encode the image's configuration: %w", err)
	}
	return raw, nil
}

type file struct {
	name    string
	content []byte
}

// packTar packs files that belong to root, may be read by all, and have no time.
func packTar(files ...file) ([]byte, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, f := range files {
		header := &tar.Header{
			Typeflag: tar.TypeReg, Name: f.name, Size: int64(len(f.content)),
			Mode: 0o444, ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR,
		}
		if err := w.WriteHeader(header); err != nil {
			return nil, fmt.Errorf("pack %s: %w", f.name, err)
		}
		if _, err := w.Write(f.content); err != nil {
			return nil, fmt.Errorf("pack %s: %w", f.name, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("pack the layer: %w", err)
	}
	return out.Bytes(), nil
}

func compress(content []byte) ([]byte, error) {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write(content)
	if err := errors.Join(err, w.Close()); err != nil {
		return nil, fmt.Errorf("compress the layer: %w", err)
	}
	return out.Bytes(), nil
}

// titledLayer is a layer with its file name. It embeds only what go-containerregistry needs to find the rest, such as
// the digest of the uncompressed layer, by itself.
type titledLayer struct {
	partial.CompressedLayer
	title string
}

// assembled is an OCI image of which every byte is given: the mutate package of go-containerregistry knows only
// configurations of containers. It implements partial.CompressedImageCore.
type assembled struct {
	config   []byte
	manifest []byte
	layers   map[v1.Hash]partial.CompressedLayer
}

func assemble(configType types.MediaType, config []byte, annotations map[string]string, layers ...titledLayer) (v1.Image, error) {
	configDescriptor, err := partial.Descriptor(static.NewLayer(config, configType))
	if err != nil {
		return nil, fmt.Errorf("describe the configuration: %w", err)
	}
	img := &assembled{config: config, layers: map[v1.Hash]partial.CompressedLayer{}}
	manifest := v1.Manifest{SchemaVersion: 2, MediaType: types.OCIManifestSchema1, Config: *configDescriptor, Annotations: annotations}
	for _, layer := range layers {
		descriptor, err := partial.Descriptor(layer)
		if err != nil {
			return nil, fmt.Errorf("describe %s: %w", layer.title, err)
		}
		descriptor.Annotations = map[string]string{titleAnnotation: layer.title}
		manifest.Layers = append(manifest.Layers, *descriptor)
		img.layers[descriptor.Digest] = layer
	}
	if img.manifest, err = json.Marshal(manifest); err != nil {
		return nil, fmt.Errorf("encode the manifest: %w", err)
	}
	return partial.CompressedToImage(img)
}

// MediaType of the manifest.
func (a *assembled) MediaType() (types.MediaType, error) { return types.OCIManifestSchema1, nil }

// RawManifest returns the encoded manifest.
func (a *assembled) RawManifest() ([]byte, error) { return a.manifest, nil }

// RawConfigFile returns the configuration, which need not be a container's.
func (a *assembled) RawConfigFile() ([]byte, error) { return a.config, nil }

// LayerByDigest returns one of the layers.
func (a *assembled) LayerByDigest(h v1.Hash) (partial.CompressedLayer, error) {
	layer, ok := a.layers[h]
	if !ok {
		return nil, fmt.Errorf("the image has no layer %s", h)
	}
	return layer, nil
}
