package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"k8s.io/apimachinery/pkg/runtime"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/validation"
)

// maxManifests is how many bytes of manifests are read.
const maxManifests = 16 << 20

// readAutoWasms reads the documents of a YAML or JSON stream as strictly as
// kubectl apply does, and fills in what the admission would.
func readAutoWasms(r io.Reader, namespace string) ([]*v1alpha1.AutoWasm, error) {
	documents := utilyaml.NewYAMLReader(bufio.NewReader(io.LimitReader(r, maxManifests)))
	var found []*v1alpha1.AutoWasm
	for n := 1; ; n++ {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("document %d: %w", n, err)
		}
		aw, err := readAutoWasm(document, namespace)
		if err != nil {
			return nil, fmt.Errorf("document %d: %w", n, err)
		}
		if aw != nil {
			found = append(found, aw)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("there is no AutoWasm in it")
	}
	return found, nil
}

// readAutoWasm is nil for an empty document.
func readAutoWasm(document []byte, namespace string) (*v1alpha1.AutoWasm, error) {
	raw, err := yaml.YAMLToJSONStrict(document)
	if err != nil {
		return nil, err
	}
	var object map[string]any
	if err := utiljson.Unmarshal(raw, &object); err != nil {
		return nil, fmt.Errorf("not an object: %w", err)
	}
	if len(object) == 0 {
		return nil, nil
	}
	if err := checkKind(object); err != nil {
		return nil, err
	}
	placeIn(object, namespace)
	validation.Default(object, validation.NamespaceDefaults{})
	aw := &v1alpha1.AutoWasm{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object, aw, true); err != nil {
		return nil, err
	}
	return aw, nil
}

func checkKind(object map[string]any) error {
	apiVersion, kind := v1alpha1.GroupVersion.String(), v1alpha1.Kind
	if object["apiVersion"] != apiVersion || object["kind"] != kind {
		return fmt.Errorf("%v %v is not %s %s", object["apiVersion"], object["kind"], apiVersion, kind)
	}
	return nil
}

// placeIn names the namespace of an object that names none, as kubectl does.
func placeIn(object map[string]any, namespace string) {
	metadata, ok := object["metadata"].(map[string]any)
	if !ok {
		return
	}
	if metadata["namespace"] == nil || metadata["namespace"] == "" {
		metadata["namespace"] = namespace
	}
}
