// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"k8s.io/apimachinery/pkg/util/json"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

const (
	// MaxBytes is how much is read of one file.
	MaxBytes = 16 << 20
	// maxDepth is how deep Lists may be nested.
	maxDepth = 4
)

// Read returns the objects of a file in their order, those of Lists in place of the List. A key that is given twice in
// an object is an error, as is a document that is not an object, or a file above MaxBytes; an empty document is none.
func Read(r io.Reader) ([]Object, error) {
	content, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	if err != nil {
		return nil, err
	}
	if len(content) > MaxBytes {
		return nil, fmt.Errorf("it has more than %d MiB: split it", MaxBytes>>20)
	}
	documents := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(content)))
	var objects []Object
	for n := 1; ; n++ {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err == nil {
			objects, err = appendDocument(objects, document, fmt.Sprintf("document %d", n))
		}
		if err != nil {
			return nil, fmt.Errorf("document %d: %w", n, err)
		}
	}
}

func appendDocument(objects []Object, document []byte, at string) ([]Object, error) {
	raw, err := yaml.YAMLToJSONStrict(document)
	if err != nil {
		return nil, err
	}
	var content map[string]any
	if err := json.Unmarshal(raw, &content); err != nil {
		return nil, fmt.Errorf("not an object: %w", err)
	}
	if len(content) == 0 {
		return objects, nil
	}
	return appendObject(objects, Object{Content: content, At: at}, 0)
}

// appendObject takes Lists apart.
func appendObject(objects []Object, object Object, depth int) ([]Object, error) {
	if !object.isList() {
		return append(objects, object), nil
	}
	if depth == maxDepth {
		return nil, fmt.Errorf("the Lists are nested more than %d deep", maxDepth)
	}
	items, _ := object.Content["items"].([]any)
	for i, item := range items {
		content, ok := item.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("items[%d]: not an object", i)
		}
		object.typeItem(content)
		var err error
		objects, err = appendObject(objects, Object{Content: content, At: fmt.Sprintf("%s, items[%d]", object.At, i)}, depth+1)
		if err != nil {
			return nil, fmt.Errorf("items[%d]: %w", i, err)
		}
	}
	return objects, nil
}

// isList reports whether o is a List or the list of one kind, such as PodList.
func (o Object) isList() bool {
	_, hasItems := o.Content["items"]
	_, hasMetadataName := metadata(o.Content)["name"]
	return strings.HasSuffix(o.Kind(), "List") && (hasItems || o.Kind() == "List") && !hasMetadataName
}

// typeItem sets what the list of one kind says for its items, which need not say it again.
func (o Object) typeItem(item map[string]any) {
	if kind := strings.TrimSuffix(o.Kind(), "List"); kind != "" && item["kind"] == nil && item["apiVersion"] == nil {
		item["kind"], item["apiVersion"] = kind, o.APIVersion()
	}
}
