// SPDX-License-Identifier: Apache-2.0

package migrate

import (
	"encoding/json"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/manifest"
)

// The annotations of a Pod by which Istio's injector mounts a volume into the proxy.
const (
	annotationVolume = "sidecar.istio.io/userVolume"
	annotationMount  = "sidecar.istio.io/userVolumeMount"
)

// mounts are what the workloads of the input mount into their proxies.
type mounts struct {
	workloads  []*workload
	configMaps map[string]manifest.Object // by "<namespace>/<name>"
	// used are the places, manifest.Object.At, of the objects that a filter's file comes from.
	used map[string]bool
}

// workload is one whose Pods have both annotations.
type workload struct {
	object      manifest.Object
	path        string // of the annotations
	labels      map[string]string
	annotations map[string]string
	used        bool
}

// mountsIn finds the workloads and the ConfigMaps.
func mountsIn(objects []manifest.Object) *mounts {
	m := &mounts{configMaps: map[string]manifest.Object{}, used: map[string]bool{}}
	for _, object := range objects {
		if object.IsA("", "ConfigMap") {
			m.configMaps[object.Namespace()+"/"+object.Name()] = object
		} else if w := workloadOf(object); w != nil {
			m.workloads = append(m.workloads, w)
		}
	}
	return m
}

// workloadOf returns nil for an object whose Pods have not both annotations.
func workloadOf(object manifest.Object) *workload {
	metadata, at := child(child(child(object.Content, "spec"), "template"), "metadata"), "spec.template.metadata.annotations"
	if object.IsA("", "Pod") {
		metadata, at = child(object.Content, "metadata"), "metadata.annotations"
	}
	w := &workload{object: object, path: at, labels: stringsOf(metadata["labels"]), annotations: stringsOf(metadata["annotations"])}
	if w.annotations[annotationVolume] == "" || w.annotations[annotationMount] == "" {
		return nil
	}
	return w
}

func stringsOf(value any) map[string]string {
	object, _ := value.(map[string]any)
	all := map[string]string{}
	for key, value := range object {
		if text, ok := value.(string); ok {
			all[key] = text
		}
	}
	return all
}

// configMapOf sets the ConfigMap that a file of the selected proxies comes from. It reports false where nothing mounts
// the file.
func (m *mounts) configMapOf(s *subject, d *draft, at, file string) bool {
	var source *v1alpha1.ConfigMapSource
	for _, w := range m.workloads {
		if w.object.Namespace() != s.object.Namespace() || !s.selects(w.labels) {
			continue
		}
		found := w.sourceOf(d, at, file)
		if found == nil {
			continue
		}
		if source != nil && *source != *found {
			d.refuse(at, "the selected workloads have the file from two ConfigMaps, %s and %s: give the object a narrower selector for each", source.Name, found.Name)
			return true
		}
		source, w.used = found, true
	}
	if source == nil {
		return d.refused
	}
	d.filter.Source.ConfigMap = source
	m.checkKey(s, d, at, source)
	return true
}

// selects reports whether any of the selectors of an object selects Pods with these labels.
func (s *subject) selects(labels map[string]string) bool {
	return slices.ContainsFunc(s.selectors, func(selector map[string]string) bool {
		for key, value := range selector {
			if labels[key] != value {
				return false
			}
		}
		return true
	})
}

// checkKey uses the ConfigMap itself, where it is in the input.
func (m *mounts) checkKey(s *subject, d *draft, at string, source *v1alpha1.ConfigMapSource) {
	object, ok := m.configMaps[s.object.Namespace()+"/"+source.Name]
	if !ok {
		return
	}
	m.used[object.At] = true
	if child(object.Content, "binaryData")[source.Key] == nil {
		d.refuse(at, "binaryData of ConfigMap %s has no key %s: make it again with kubectl create configmap --from-file", source.Name, source.Key)
	}
}

// sourceOf returns nil for a file that the workload does not mount.
func (w *workload) sourceOf(d *draft, at, file string) *v1alpha1.ConfigMapSource {
	for _, mount := range w.volumes(d, annotationMount) {
		name, _ := mount["name"].(string)
		within, ok := pathWithin(mount, file)
		if !ok {
			continue
		}
		for _, volume := range w.volumes(d, annotationVolume) {
			if volume["name"] == name {
				return w.configMap(d, at, volume, within)
			}
		}
	}
	return nil
}

// volumes are the content of an annotation: a list whose items have names, or an object by names.
func (w *workload) volumes(d *draft, annotation string) []map[string]any {
	var list []map[string]any
	var named map[string]map[string]any
	raw := []byte(w.annotations[annotation])
	if err := json.Unmarshal(raw, &list); err == nil {
		return list
	}
	if err := json.Unmarshal(raw, &named); err != nil {
		d.refuse("", "%s: %s[%s] is neither a list nor an object in JSON: correct it", w.object, w.path, annotation)
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(named)) {
		entry := maps.Clone(named[name])
		if entry == nil {
			entry = map[string]any{}
		}
		entry["name"] = name
		list = append(list, entry)
	}
	return list
}

// pathWithin returns the path in the volume of a file in the proxy.
func pathWithin(mount map[string]any, file string) (string, bool) {
	at, _ := mount["mountPath"].(string)
	sub, _ := mount["subPath"].(string)
	at, file = path.Clean(at), path.Clean(file)
	if at == file {
		return sub, sub != ""
	}
	rest, ok := strings.CutPrefix(file, strings.TrimSuffix(at, "/")+"/")
	return path.Join(sub, rest), ok
}

func (w *workload) configMap(d *draft, at string, volume map[string]any, within string) *v1alpha1.ConfigMapSource {
	configMap := child(volume, "configMap")
	if configMap == nil {
		configMap = child(volume, "configmap")
	}
	name, _ := configMap["name"].(string)
	if name == "" {
		d.refuse(at, "%s mounts the file from a volume that is no ConfigMap: push the file with wasmc push, and name the image with --image", w.object)
		return nil
	}
	return &v1alpha1.ConfigMapSource{Name: name, Key: keyOf(configMap, within)}
}

// keyOf is the key that a ConfigMap's volume has at a path.
func keyOf(configMap map[string]any, within string) string {
	items, _ := configMap["items"].([]any)
	for _, item := range items {
		entry, _ := item.(map[string]any)
		if key, ok := entry["key"].(string); ok && entry["path"] == within {
			return key
		}
	}
	return within
}

// finish says of the workloads whose mounts are used that they do not need them any more.
func (m *mounts) finish(of *migration) {
	for _, w := range m.workloads {
		if !w.used {
			continue
		}
		m.used[w.object.At] = true
		found := &findings{log: of.log, object: w.object.String()}
		for _, annotation := range []string{annotationVolume, annotationMount} {
			found.leftOut(w.path+"["+annotation+"]", "wasmer reads the ConfigMap, which has to stay: remove the annotation when the AutoWasm is Ready, which restarts the Pods")
		}
	}
}
