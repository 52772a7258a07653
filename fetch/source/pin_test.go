// SPDX-License-Identifier: Apache-2.0

package source_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/source"
)

var (
	shaA = strings.Repeat("a", 64)
	shaB = strings.Repeat("b", 64)
)

const (
	fileURL  = "https://bucket.example/f.wasm"
	filterV1 = "reg.example/filter:v1"
)

// byHash is the reference of an image by digest.
func byHash(repository, sha256 string) string { return repository + "@sha256:" + sha256 }

func anImage(reference string, policy v1alpha1.PullPolicy) v1alpha1.Source {
	return v1alpha1.Source{Registry: &v1alpha1.RegistrySource{Image: reference, PullPolicy: policy}}
}

func anObject(sha256 string) v1alpha1.Source {
	return v1alpha1.Source{Object: &v1alpha1.ObjectSource{URL: fileURL, SHA256: sha256}}
}

var aConfigMap = v1alpha1.Source{ConfigMap: &v1alpha1.ConfigMapSource{Name: "m", Key: "k"}}

func TestPinOf(t *testing.T) {
	tag, digest := anImage(filterV1, ""), byHash("reg.example/filter", shaB)
	declared := anImage(byHash("reg.example/filter:v1", shaB), "")
	tests := map[string]struct {
		from      v1alpha1.Source
		of        v1alpha1.Source // what the status is about
		sha256    string
		reference string
		want      *source.Pin
	}{
		"an image":                            {tag, tag, shaA, digest, &source.Pin{shaA, digest}},
		"an image, digest not known":          {tag, tag, shaA, "", &source.Pin{shaA, ""}},
		"an image of another registry":        {tag, tag, shaA, byHash("evil.example/filter", shaB), &source.Pin{shaA, ""}},
		"an image of another repository":      {tag, tag, shaA, byHash("reg.example/other", shaB), &source.Pin{shaA, ""}},
		"a tag":                               {tag, tag, shaA, "reg.example/filter:v2", &source.Pin{shaA, ""}},
		"the digest that the source declares": {declared, declared, shaA, digest, &source.Pin{shaA, digest}},
		"another than the source declares":    {declared, declared, shaA, byHash("reg.example/filter", shaA), &source.Pin{shaA, ""}},
		"another source":                      {tag, anImage("reg.example/filter:v2", ""), shaA, digest, nil},
		"no hash":                             {tag, tag, "../../etc/passwd", digest, nil},
		"an object":                           {anObject(""), anObject(""), shaA, fileURL, &source.Pin{shaA, fileURL}},
		"an object's declared hash":           {anObject(shaA), anObject(shaA), shaA, fileURL, &source.Pin{shaA, fileURL}},
		"against an object's declared hash":   {anObject(shaA), anObject(shaA), shaB, fileURL, nil},
		"a ConfigMap":                         {aConfigMap, aConfigMap, shaA, "configmap/ns/m/k", &source.Pin{shaA, "configmap/ns/m/k"}},
	}
	for name, tt := range tests {
		status := &v1alpha1.ModuleStatus{SHA256: tt.sha256, Reference: tt.reference, Source: source.SourceID(tt.of)}
		if diff := cmp.Diff(tt.want, source.PinOf(tt.from, status)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if got := source.PinOf(tag, nil); got != nil {
		t.Errorf("without a status: %v", got)
	}
}

func TestExactly(t *testing.T) {
	digest := byHash("reg.example/filter", shaB)
	tests := map[string]struct {
		from v1alpha1.Source
		pin  source.Pin
		want v1alpha1.Source
	}{
		"an image":                   {anImage(filterV1, v1alpha1.PullAlways), source.Pin{shaA, digest}, anImage(digest, "")},
		"an image, digest not known": {anImage(filterV1, ""), source.Pin{shaA, ""}, anImage(filterV1, "")},
		"an earlier image":           {anImage("reg.example/other:v1", ""), source.Pin{shaA, digest}, anImage(digest, "")},
		"an image before an object":  {anObject(""), source.Pin{shaA, digest}, anImage(digest, "")},
		"an object":                  {anObject(""), source.Pin{shaA, fileURL}, anObject(shaA)},
		"an object like an image":    {anObject(""), source.Pin{shaA, "https://bucket.example/f" + byHash("", shaB)}, anObject(shaA)},
		"a ConfigMap":                {aConfigMap, source.Pin{shaA, "configmap/shop/m/k"}, aConfigMap},
		"nothing":                    {anObject(""), source.Pin{}, anObject("")},
	}
	for name, tt := range tests {
		before := source.Request{Namespace: "shop", Name: "test", Secret: "regcred", Source: *tt.from.DeepCopy()}
		got := before.Exactly(tt.pin)
		want := before
		want.Source = tt.want
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(tt.from, before.Source); diff != "" {
			t.Errorf("%s: the source was changed:\n%s", name, diff)
		}
	}
}

func TestPreferring(t *testing.T) {
	digest := byHash("reg.example/filter", shaB)
	tests := map[string]struct {
		from      v1alpha1.Source
		reference string
		want      string
	}{
		"a digest":              {anImage(filterV1, ""), digest, digest},
		"none":                  {anImage(filterV1, ""), "", ""},
		"a tag":                 {anImage(filterV1, ""), "reg.example/filter:v2", ""},
		"of another repository": {anImage(filterV1, ""), byHash("reg.example/private", shaB), ""},
		"nonsense":              {anImage(filterV1, ""), "configmap/a/b/c", ""},
		"against a digest":      {anImage(byHash("reg.example/filter", shaA), ""), digest, ""},
		"of an object":          {anObject(""), digest, ""},
	}
	for name, tt := range tests {
		if got := (source.Request{Source: tt.from}).Preferring(tt.reference).Preferred; got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

func TestResolvesAgain(t *testing.T) {
	for reference, want := range map[string]bool{
		"reg.example/filter":                       true,
		"reg.example/filter:latest":                true,
		"reg.example:5000/filter":                  true,
		"reg.example:5000/filter:v1":               false,
		"reg.example/filter:v1":                    false,
		"reg.example/filter@sha256:" + shaA:        false,
		"reg.example/filter:latest@sha256:" + shaA: false,
	} {
		if got := source.ResolvesAgain(anImage(reference, "")); got != want {
			t.Errorf("ResolvesAgain(%s) = %v, want %v", reference, got, want)
		}
	}
	if source.ResolvesAgain(anImage("reg.example/filter@sha256:"+shaA, v1alpha1.PullAlways)) {
		t.Error("a digest is resolved again")
	}
	if source.ResolvesAgain(aConfigMap) {
		t.Error("a ConfigMap is resolved again")
	}
}
