package webhook

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"gomodules.xyz/jsonpatch/v2"
)

// outline is the part of an AutoWasm's JSON object that defaulting may add to: the
// fields that it fills, where they are set, and their parents. To compare outlines
// gives the same patch as to compare the objects, however large a configuration or
// how many managed fields these carry.
func outline(aw map[string]any) map[string]any {
	o, ok := objectOf(aw)
	if !ok {
		return nil
	}
	filter := only(o.filter, "vmID", "applyPorts")
	if o.registry != nil {
		filter["source"] = map[string]any{"registry": only(o.registry, "pullPolicy")}
	}
	spec := only(o.spec, "secret")
	spec["filter"] = filter
	return map[string]any{"spec": spec}
}

// only copies the keys that are present.
func only(from map[string]any, keys ...string) map[string]any {
	out := make(map[string]any, len(keys)+1)
	for _, key := range keys {
		if value, present := from[key]; present {
			out[key] = value
		}
	}
	return out
}

// patchOf orders the operations, so that the same request gets the same bytes.
func patchOf(before, after map[string]any) ([]jsonpatch.Operation, error) {
	original, err := json.Marshal(before)
	if err != nil {
		return nil, fmt.Errorf("encode the object: %w", err)
	}
	filled, err := json.Marshal(after)
	if err != nil {
		return nil, fmt.Errorf("encode the object with its defaults: %w", err)
	}
	patch, err := jsonpatch.CreatePatch(original, filled)
	if err != nil {
		return nil, fmt.Errorf("compare the object with its defaults: %w", err)
	}
	slices.SortFunc(patch, func(a, b jsonpatch.Operation) int { return strings.Compare(a.Path, b.Path) })
	return patch, nil
}
