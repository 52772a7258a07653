// SPDX-License-Identifier: Apache-2.0

package attest

import (
	"encoding/json"
	"regexp"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/release/program"
)

var (
	binary = &program.Binary{
		Program: program.Wasmc, Platform: program.Platform{OS: "linux", Arch: "arm64"}, Version: "v1.2.3", SHA256: strings.Repeat("b", 64),
		Info: &debug.BuildInfo{
			GoVersion: "go1.26.8 X:nodwarf5",
			Main:      debug.Module{Path: "source.example/autowasm", Version: "(devel)"},
			Deps: []*debug.Module{
				{Path: "github.com/Upper/Case", Version: "v2.0.0+incompatible", Sum: "h1:sum="},
				{Path: "replaced.example/a", Version: "v1.0.0", Replace: &debug.Module{Path: "replaced.example/b", Version: "v1.1.0", Sum: "h1:other="}},
			},
			Settings: []debug.BuildSetting{{Key: "CGO_ENABLED", Value: "0"}, {Key: "GOOS", Value: "linux"}},
		},
	}
	from = Source{
		URL:    "https://source.example/autowasm",
		Commit: program.Commit{Revision: strings.Repeat("c", 40), Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Modified: true},
	}
)

// predicate returns that of a type as its readers see it.
func predicate(t *testing.T, kind string) (about []any, found map[string]any) {
	t.Helper()
	for _, s := range Statements(binary, from, strings.Repeat("a", 64)) {
		if s.PredicateType != kind {
			continue
		}
		raw, err := s.Encode()
		if err != nil {
			t.Fatal(err)
		}
		var read map[string]any
		if err := json.Unmarshal(raw, &read); err != nil {
			t.Fatal(err)
		}
		if read["_type"] != "https://in-toto.io/Statement/v1" || read["predicateType"] != kind {
			t.Errorf("%s is a %v about %v", kind, read["_type"], read["predicateType"])
		}
		return read["subject"].([]any), read["predicate"].(map[string]any)
	}
	t.Fatalf("no statement %s", kind)
	return nil, nil
}

func TestSPDX(t *testing.T) {
	about, got := predicate(t, PredicateSPDX)
	want := []any{map[string]any{"name": "wasmc", "digest": map[string]any{"sha256": strings.Repeat("a", 64)}}}
	if diff := cmp.Diff(want, about); diff != "" {
		t.Errorf("it is about (-want +got):\n%s", diff)
	}
	var purls []string
	ids := map[string]bool{"SPDXRef-DOCUMENT": true}
	for _, p := range got["packages"].([]any) {
		p := p.(map[string]any)
		id := p["SPDXID"].(string)
		if ids[id] || !regexp.MustCompile(`^SPDXRef-[a-zA-Z0-9.-]+$`).MatchString(id) {
			t.Errorf("%s is the id of two packages, or none", id)
		}
		ids[id] = true
		purls = append(purls, p["externalRefs"].([]any)[0].(map[string]any)["referenceLocator"].(string))
	}
	wantPURLs := []string{
		"pkg:golang/source.example/autowasm@v1.2.3", "pkg:golang/stdlib@1.26.8",
		"pkg:golang/github.com/upper/case@v2.0.0%2Bincompatible", "pkg:golang/replaced.example/b@v1.1.0",
	}
	if diff := cmp.Diff(wantPURLs, purls); diff != "" {
		t.Errorf("packages (-want +got):\n%s", diff)
	}
	relationships := got["relationships"].([]any)
	for _, r := range relationships {
		r := r.(map[string]any)
		if !ids[r["spdxElementId"].(string)] || !ids[r["relatedSpdxElement"].(string)] {
			t.Errorf("a relationship of what is not there: %v", r)
		}
	}
	if len(relationships) != len(purls) {
		t.Errorf("%d relationships of %d packages", len(relationships), len(purls))
	}
	if got["creationInfo"].(map[string]any)["created"] != "2026-01-02T03:04:05Z" || got["spdxVersion"] != "SPDX-2.3" {
		t.Errorf("made %v as %v", got["creationInfo"], got["spdxVersion"])
	}
}

// TestDocumentsHaveNamesOfTheirOwn: two documents must not have one namespace.
func TestDocumentsHaveNamesOfTheirOwn(t *testing.T) {
	other := *binary
	other.SHA256 = strings.Repeat("d", 64)
	if a, b := newDocument(binary, from), newDocument(&other, from); a.DocumentNamespace == b.DocumentNamespace {
		t.Errorf("both are %s", a.DocumentNamespace)
	}
}

func TestProvenance(t *testing.T) {
	_, got := predicate(t, PredicateProvenance)
	want := map[string]any{
		"buildDefinition": map[string]any{
			"buildType":          "https://source.example/autowasm/make-image/v1",
			"externalParameters": map[string]any{"program": "wasmc", "platform": "linux/arm64", "version": "v1.2.3"},
			"internalParameters": map[string]any{"go": "go1.26.8 X:nodwarf5", "CGO_ENABLED": "0", "GOOS": "linux"},
			"resolvedDependencies": []any{map[string]any{
				"uri": "git+https://source.example/autowasm", "digest": map[string]any{"gitCommit": strings.Repeat("c", 40)},
				"annotations": map[string]any{"modified": true},
			}},
		},
		"runDetails": map[string]any{"builder": map[string]any{"id": "https://source.example/autowasm/make-image"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
