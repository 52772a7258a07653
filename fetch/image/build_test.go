package image_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/klauspost/compress/zstd"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const title = "org.opencontainers.image.title"

// layer is a layer of a test image, byte for byte.
type layer struct {
	mediaType types.MediaType
	content   []byte
	title     string
	// open, when set, is what the registry sends in place of content.
	open func() io.Reader
	size int64 // as declared, when it is not that of content
	hash v1.Hash
}

// testImage is an image of any shape, right or wrong.
type testImage struct {
	mediaType  types.MediaType
	omitType   bool
	configType types.MediaType
	config     string
	layers     []layer
	opened     []v1.Hash // the layers whose blobs were opened, in order
}

func (i *testImage) build(t testing.TB) v1.Image {
	t.Helper()
	if i.mediaType == "" {
		i.mediaType = types.OCIManifestSchema1
	}
	if i.config == "" {
		i.config = "{}"
	}
	i.layers = slices.Clone(i.layers)
	for n := range i.layers {
		i.layers[n].hash = digestOf(i.layers[n].content)
	}
	img, err := partial.CompressedToImage(i)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func digestOf(content []byte) v1.Hash {
	h, _, err := v1.SHA256(bytes.NewReader(content))
	if err != nil {
		panic(err)
	}
	return h
}

func (i *testImage) MediaType() (types.MediaType, error) { return i.mediaType, nil }
func (i *testImage) RawConfigFile() ([]byte, error)      { return []byte(i.config), nil }

func (i *testImage) RawManifest() ([]byte, error) {
	m := v1.Manifest{SchemaVersion: 2, Config: v1.Descriptor{
		MediaType: i.configType, Digest: digestOf([]byte(i.config)), Size: int64(len(i.config)),
	}}
	if !i.omitType {
		m.MediaType = i.mediaType
	}
	for _, l := range i.layers {
		d := v1.Descriptor{MediaType: l.mediaType, Digest: l.hash, Size: int64(len(l.content))}
		if l.size != 0 {
			d.Size = l.size
		}
		if l.title != "" {
			d.Annotations = map[string]string{title: l.title}
		}
		m.Layers = append(m.Layers, d)
	}
	return json.Marshal(m)
}

func (i *testImage) LayerByDigest(h v1.Hash) (partial.CompressedLayer, error) {
	for _, l := range i.layers {
		if l.hash == h {
			return testLayer{l, i}, nil
		}
	}
	return nil, fmt.Errorf("no layer %s", h)
}

type testLayer struct {
	layer
	image *testImage
}

func (l testLayer) Digest() (v1.Hash, error)            { return l.hash, nil }
func (l testLayer) Size() (int64, error)                { return int64(len(l.content)), nil }
func (l testLayer) MediaType() (types.MediaType, error) { return l.mediaType, nil }

func (l testLayer) Compressed() (io.ReadCloser, error) {
	l.image.opened = append(l.image.opened, l.hash)
	if l.open != nil {
		return io.NopCloser(l.open()), nil
	}
	return io.NopCloser(bytes.NewReader(l.content)), nil
}

// tarOf packs regular files, name and content in turn.
func tarOf(files ...string) []byte {
	var headers []tar.Header
	var contents []string
	for i := 0; i < len(files); i += 2 {
		headers = append(headers, tar.Header{Typeflag: tar.TypeReg, Name: files[i]})
		contents = append(contents, files[i+1])
	}
	return tarEntries(headers, contents)
}

func tarEntries(headers []tar.Header, contents []string) []byte {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for i := range headers {
		headers[i].Size = int64(len(contents[i]))
		headers[i].Mode = 0o644
		must(w.WriteHeader(&headers[i]))
		must2(io.WriteString(w, contents[i]))
	}
	must(w.Close())
	return out.Bytes()
}

// tarLink packs one entry that is not a regular file.
func tarLink(typeflag byte, name, target string) []byte {
	return tarEntries([]tar.Header{{Typeflag: typeflag, Name: name, Linkname: target}}, []string{""})
}

// tarHeader is a header alone, whatever it declares.
func tarHeader(name string, size int64) []byte {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	must(w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644}))
	return out.Bytes()
}

func gzipOf(content []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	must2(w.Write(content))
	must(w.Close())
	return out.Bytes()
}

func zstdOf(content []byte) []byte {
	w, err := zstd.NewWriter(nil)
	must(err)
	return w.EncodeAll(content, nil)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func must2(_ int, err error) { must(err) }
