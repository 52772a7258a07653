// SPDX-License-Identifier: Apache-2.0

package source_test

import (
	"strings"
	"testing"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/source"
)

// Two sources have one id exactly if they are the same, and no id shows a query.
func TestSourceIDTellsSourcesApart(t *testing.T) {
	object := func(url, sha256 string) v1alpha1.Source {
		return v1alpha1.Source{Object: &v1alpha1.ObjectSource{URL: url, SHA256: sha256}}
	}
	hash := strings.Repeat("ab", 32)
	all := []v1alpha1.Source{
		{},
		{Registry: &v1alpha1.RegistrySource{Image: "reg.example/x:v1"}},
		{ConfigMap: &v1alpha1.ConfigMapSource{Name: "x", Key: "k"}},
		object("https://b.example/x", ""),
		object("https://b.example/x", hash),
		object("https://b.example/x?", ""),
		object("https://b.example/x?sig="+signed, ""),
		object("https://b.example/x?sig="+signed, hash),
		object("https://b.example/x?sig="+signed+"2", ""),
		object("https://b.example/y?sig="+signed, ""),
	}
	seen := map[string]int{}
	for i, s := range all {
		id := source.SourceID(s)
		noSecrets(t, id)
		if other, known := seen[id]; known {
			t.Errorf("sources %d and %d have the id %q", other, i, id)
		}
		if again := source.SourceID(*s.DeepCopy()); again != id {
			t.Errorf("source %d has the ids %q and %q", i, id, again)
		}
		seen[id] = i
	}
}

// A status keeps these: what has no query is named as it ever was.
func TestSourceIDs(t *testing.T) {
	tests := map[string]v1alpha1.Source{
		"registry:reg.example/x:v1":                    {Registry: &v1alpha1.RegistrySource{Image: "reg.example/x:v1"}},
		"configmap:x/k":                                {ConfigMap: &v1alpha1.ConfigMapSource{Name: "x", Key: "k"}},
		"object:https://b.example/x#":                  {Object: &v1alpha1.ObjectSource{URL: "https://b.example/x"}},
		"object:https://b.example/x?30856a3b554be54a#": {Object: &v1alpha1.ObjectSource{URL: "https://b.example/x?sig=1"}},
	}
	for want, s := range tests {
		if got := source.SourceID(s); got != want {
			t.Errorf("SourceID = %q, want %q", got, want)
		}
	}
}
