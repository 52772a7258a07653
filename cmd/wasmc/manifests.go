// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/manifest"
	"github.com/autowasm/autowasm/validation"
)

// manifests are what a file holds that matters here.
type manifests struct {
	autoWasms []*v1alpha1.AutoWasm
	// configMaps are those that AutoWasms have their modules from.
	configMaps []*configMap
	// skipped are the other objects.
	skipped []manifest.Object
}

// readManifests reads the AutoWasms of a file as strictly as kubectl apply does, and the ConfigMaps of their modules.
func readManifests(r io.Reader, namespace string) (*manifests, error) {
	objects, err := manifest.Read(r)
	if err != nil {
		return nil, err
	}
	for _, o := range objects {
		if isAutoWasm(o) || isConfigMap(o) {
			o.SetNamespace(namespace)
		}
	}
	wanted, others := manifest.Split(objects, isAutoWasm)
	if len(wanted) == 0 && len(others) > 0 {
		return nil, fmt.Errorf("there is no AutoWasm in it: %s", manifest.SkippedNote(others[0]))
	}
	if len(wanted) == 0 {
		return nil, errors.New("there is no AutoWasm in it")
	}
	m := &manifests{}
	for _, o := range wanted {
		aw, err := readAutoWasm(o)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", o.At, err)
		}
		m.autoWasms = append(m.autoWasms, aw)
	}
	return m, m.addOthers(others)
}

func isAutoWasm(o manifest.Object) bool { return o.IsA(v1alpha1.GroupVersion.Group, v1alpha1.Kind) }

func isConfigMap(o manifest.Object) bool { return o.IsA("", "ConfigMap") }

func (m *manifests) addOthers(others []manifest.Object) error {
	configMaps, others := manifest.Split(others, m.isSource)
	for _, o := range configMaps {
		cm, err := readConfigMap(o)
		if err != nil {
			return fmt.Errorf("%s: %w", o.At, err)
		}
		m.configMaps = append(m.configMaps, cm)
	}
	m.skipped = others
	return nil
}

// isSource reports whether an object is a ConfigMap that an AutoWasm has its module from.
func (m *manifests) isSource(o manifest.Object) bool {
	return isConfigMap(o) && slices.ContainsFunc(m.autoWasms, func(aw *v1alpha1.AutoWasm) bool {
		source := aw.Spec.Filter.Source.ConfigMap
		return source != nil && source.Name == o.Name() && aw.Namespace == o.Namespace()
	})
}

// module is what a ConfigMap of the file has under a key; false when there is none.
func (m *manifests) module(namespace string, source *v1alpha1.ConfigMapSource) ([]byte, bool) {
	for _, cm := range m.configMaps {
		if cm.Metadata.Namespace == namespace && cm.Metadata.Name == source.Name {
			content, ok := cm.BinaryData[source.Key]
			return content, ok
		}
	}
	return nil, false
}

// readAutoWasm applies admission's defaults.
func readAutoWasm(o manifest.Object) (*v1alpha1.AutoWasm, error) {
	if want := v1alpha1.GroupVersion.String(); o.APIVersion() != want {
		return nil, fmt.Errorf("%s is of %s, and this wasmc reads %s", o, o.APIVersion(), want)
	}
	validation.Default(o.Content, nil, validation.NamespaceDefaults{})
	aw := &v1alpha1.AutoWasm{}
	return aw, runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(o.Content, aw, true)
}

// configMap is a ConfigMap as far as modules come from it.
type configMap struct {
	Metadata struct {
		Namespace string `json:"namespace"`
		Name      string `json:"name"`
	} `json:"metadata"`
	BinaryData map[string][]byte `json:"binaryData"`
}

func readConfigMap(o manifest.Object) (*configMap, error) {
	raw, err := json.Marshal(o.Content)
	if err != nil {
		return nil, err
	}
	cm := &configMap{}
	if err := json.Unmarshal(raw, cm); err != nil {
		return nil, fmt.Errorf("%s: %w", o, err)
	}
	return cm, nil
}
