// SPDX-License-Identifier: Apache-2.0

package source

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/image"
	"github.com/autowasm/autowasm/internal/failure"
)

// maxKeysNamed is how many keys of a ConfigMap a message names.
const maxKeysNamed = 10

func (s *Sources) resolveConfigMap(ctx context.Context, r Request) (*Resolved, error) {
	cm := &corev1.ConfigMap{}
	key := types.NamespacedName{Namespace: r.Namespace, Name: r.Source.ConfigMap.Name}
	if err := s.read(ctx, key, cm, "ConfigMap", v1alpha1.ReasonConfigMapNotFound); err != nil {
		return nil, err
	}
	content, err := moduleOf(cm, r.Source.ConfigMap.Key)
	if err != nil {
		return nil, err
	}
	place := fmt.Sprintf("%s/%s/%s", cm.Namespace, cm.Name, r.Source.ConfigMap.Key)
	return &Resolved{
		Reference: "configmap/" + place,
		Key:       fmt.Sprintf("configmap/%s/%s/%s", place, cm.UID, cm.ResourceVersion),
		Immutable: true,
		Open: func(context.Context) (io.ReadCloser, error) {
			return image.Unpack(bytes.NewReader(content), s.o.MaxModuleBytes)
		},
	}, nil
}

// moduleOf returns the bytes under a key. Text cannot be a module: the API server keeps only UTF-8 in data.
func moduleOf(cm *corev1.ConfigMap, key string) ([]byte, error) {
	if content, ok := cm.BinaryData[key]; ok {
		return content, nil
	}
	name := cm.Namespace + "/" + cm.Name
	if _, ok := cm.Data[key]; ok {
		return nil, failure.Terminalf(v1alpha1.ReasonInvalidSource,
			"key %s of ConfigMap %s is text in data, so it is no WebAssembly module: kubectl create configmap %s --from-file=%s=filter.wasm puts a module into binaryData", key, name, cm.Name, key)
	}
	return nil, failure.Transientf(v1alpha1.ReasonConfigMapNotFound, "ConfigMap %s has no key %s (yet) in binaryData, only %s", name, key, keysOf(cm.BinaryData))
}

func keysOf(data map[string][]byte) string {
	keys := slices.Sorted(maps.Keys(data))
	if len(keys) == 0 {
		return "none"
	}
	if more := len(keys) - maxKeysNamed; more > 0 {
		keys = append(keys[:maxKeysNamed], fmt.Sprintf("%d more", more))
	}
	return strings.Join(keys, ", ")
}
