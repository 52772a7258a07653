// SPDX-License-Identifier: Apache-2.0

package source_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/source"
)

func TestConfigMap(t *testing.T) {
	content := []byte("\x00asm\x01\x00\x00\x00")
	cm := &corev1.ConfigMap{ObjectMeta: meta("filters"), BinaryData: map[string][]byte{"plain.wasm": content, "packed.gz": gzipped(content)}}
	s := newSources(t, cluster{cm})
	for _, key := range []string{"plain.wasm", "packed.gz"} {
		t.Run(key, func(t *testing.T) {
			resolved, got, err := read(t.Context(), s, configMapRequest("filters", key))
			if err != nil {
				t.Fatal(err)
			}
			want := source.Resolved{
				Reference: "configmap/team/filters/" + key,
				Key:       "configmap/team/filters/" + key + "/uid-filters/7",
				Immutable: true,
			}
			resolved.Open = nil
			if diff := cmp.Diff(want, *resolved); diff != "" {
				t.Error(diff)
			}
			if !bytes.Equal(got, content) {
				t.Errorf("read %q", got)
			}
		})
	}
}

func TestConfigMapFailures(t *testing.T) {
	many := map[string][]byte{}
	for i := range 12 {
		many[fmt.Sprintf("f%02d.wasm", i)] = nil
	}
	objects := cluster{
		&corev1.ConfigMap{ObjectMeta: meta("empty")},
		&corev1.ConfigMap{ObjectMeta: meta("two"), BinaryData: map[string][]byte{"b.wasm": nil, "a.wasm": nil}},
		&corev1.ConfigMap{ObjectMeta: meta("many"), BinaryData: many},
		&corev1.ConfigMap{ObjectMeta: meta("text"), Data: map[string]string{"filter.wasm": "AGFzbQ=="}},
		&corev1.ConfigMap{ObjectMeta: meta("large"), BinaryData: map[string][]byte{"filter.wasm": make([]byte, limit+1), "bomb.gz": gzipped(make([]byte, limit+1))}},
	}
	tests := []struct {
		name   string
		reader client.Reader
		cm     string
		key    string
		want   failed
		words  []string
	}{
		{"missing", objects, "gone", "x", transient(v1alpha1.ReasonConfigMapNotFound), []string{"ConfigMap team/gone does not exist (yet)"}},
		{"no cluster", nil, "gone", "x", transient(v1alpha1.ReasonConfigMapNotFound), []string{"there is no cluster to ask"}},
		{"cluster fails", broken{err: errors.New("boom")}, "gone", "x", transient(v1alpha1.ReasonUnavailable), []string{"read ConfigMap team/gone: boom"}},
		{"out of time", broken{err: context.DeadlineExceeded}, "gone", "x", transient(v1alpha1.ReasonUnavailable), nil},
		{"no keys", objects, "empty", "x", transient(v1alpha1.ReasonConfigMapNotFound), []string{"ConfigMap team/empty has no key x (yet) in binaryData, only none"}},
		{"other keys", objects, "two", "x", transient(v1alpha1.ReasonConfigMapNotFound), []string{"only a.wasm, b.wasm"}},
		{"many other keys", objects, "many", "x", transient(v1alpha1.ReasonConfigMapNotFound), []string{"f08.wasm, f09.wasm, 2 more"}},
		{"text", objects, "text", "filter.wasm", terminal(v1alpha1.ReasonInvalidSource), []string{"kubectl create configmap text --from-file=filter.wasm=filter.wasm"}},
		{"too large", objects, "large", "filter.wasm", terminal(v1alpha1.ReasonTooLarge), []string{"limit of 65536 bytes"}},
		{"too large unpacked", objects, "large", "bomb.gz", terminal(v1alpha1.ReasonTooLarge), []string{"limit of 65536 bytes"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := read(t.Context(), newSources(t, tt.reader), configMapRequest(tt.cm, tt.key))
			wantFailure(t, err, tt.want, tt.words...)
		})
	}
}

func TestNoSource(t *testing.T) {
	_, err := newSources(t, nil).Resolve(t.Context(), source.Request{})
	wantFailure(t, err, terminal(v1alpha1.ReasonInvalidSource), "the source is empty")
}

func gzipped(content []byte) []byte {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = w.Write(content)
	_ = w.Close()
	return packed.Bytes()
}
