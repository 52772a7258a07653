// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"github.com/autowasm/autowasm/preflight"
)

// TestAwaitPrerequisites: wasmer waits for what comes later, and says what that is until it has started.
func TestAwaitPrerequisites(t *testing.T) {
	const noIstio = "the cluster has no kind EnvoyFilter of networking.istio.io/v1alpha3: install Istio, or its CRDs alone with its Helm chart base; wasmer then goes on by itself"
	steps := []struct {
		missing []prerequisite
		err     error
		want    string
	}{
		{nil, errors.New("connection refused"), "connection refused"},
		{prerequisites[1:], nil, noIstio},
		{prerequisites[1:], nil, noIstio},
		{nil, nil, "wasmer is starting"},
	}
	synctest.Test(t, func(t *testing.T) {
		step, found := 0, preflight.NewKinds()
		w := &waiting{}
		w.lookUp = func(context.Context) (*preflight.Kinds, []prerequisite, error) {
			s := steps[step]
			step++
			return found, s.missing, s.err
		}
		done := make(chan *preflight.Kinds, 1)
		lines := logged(t, func() {
			go func() {
				kinds, err := w.await(t.Context())
				if err != nil {
					t.Error(err)
				}
				done <- kinds
			}()
			for i, s := range steps {
				synctest.Wait()
				if err := w.check(nil); err == nil || err.Error() != s.want {
					t.Errorf("step %d: /readyz fails with %v, want %s", i, err, s.want)
				}
				if got := w.lacks(schema.GroupKind{Group: "networking.istio.io", Kind: "EnvoyFilter"}); got != (s.missing != nil) {
					t.Errorf("step %d: EnvoyFilter is missing: %t", i, got)
				}
				time.Sleep(prerequisiteInterval)
			}
			if kinds := <-done; kinds != found {
				t.Errorf("found %v", kinds)
			}
		})
		var said []string
		for _, line := range lines {
			said = append(said, line["err"].(string))
		}
		if diff := cmp.Diff([]string{"connection refused", noIstio}, said); diff != "" {
			t.Errorf("logged (-want +got):\n%s", diff)
		}
	})
}

func TestTheWaitForPrerequisitesEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		w := &waiting{lookUp: func(context.Context) (*preflight.Kinds, []prerequisite, error) { return nil, prerequisites, nil }}
		if kinds, err := w.await(ctx); kinds != nil || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, %v", kinds, err)
		}
	})
}

// apiServer lists groups of kinds as an API server does that has them, and nothing else.
func apiServer(t *testing.T, kinds map[string]string) *rest.Config {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch gv := strings.TrimPrefix(r.URL.Path, "/apis/"); {
		case r.URL.Path == "/api":
			respond(w, metav1.APIVersions{Versions: []string{"v1"}})
		case r.URL.Path == "/apis":
			list := metav1.APIGroupList{}
			for gv := range kinds {
				group, version, _ := strings.Cut(gv, "/")
				v := metav1.GroupVersionForDiscovery{GroupVersion: gv, Version: version}
				list.Groups = append(list.Groups, metav1.APIGroup{Name: group, Versions: []metav1.GroupVersionForDiscovery{v}, PreferredVersion: v})
			}
			respond(w, list)
		case kinds[gv] != "":
			respond(w, metav1.APIResourceList{GroupVersion: gv, APIResources: []metav1.APIResource{{Name: strings.ToLower(kinds[gv]) + "s", Kind: kinds[gv], Namespaced: true}}})
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return &rest.Config{Host: server.URL}
}

func respond(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value)
}

func TestLookUp(t *testing.T) {
	const ours, istios = "wasm.tcm.io/v1alpha1", "networking.istio.io/v1alpha3"
	for name, tt := range map[string]struct {
		kinds map[string]string
		want  []string
	}{
		"neither":                  {map[string]string{"other.example/v1": "Other"}, []string{"AutoWasm", "EnvoyFilter"}},
		"no Istio":                 {map[string]string{ours: "AutoWasm"}, []string{"EnvoyFilter"}},
		"another kind of Istio's":  {map[string]string{ours: "AutoWasm", istios: "Sidecar"}, []string{"EnvoyFilter"}},
		"another version of it":    {map[string]string{ours: "AutoWasm", "networking.istio.io/v1": "EnvoyFilter"}, []string{"EnvoyFilter"}},
		"no CRD of AutoWasm's":     {map[string]string{istios: "EnvoyFilter"}, []string{"AutoWasm"}},
		"both":                     {map[string]string{ours: "AutoWasm", istios: "EnvoyFilter"}, nil},
		"of the names, other kind": {map[string]string{ours: "AutoWasms", istios: "EnvoyFilter"}, []string{"AutoWasm"}},
	} {
		t.Run(name, func(t *testing.T) {
			kinds, missing, err := lookUp(t.Context(), apiServer(t, tt.kinds))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, m := range missing {
				got = append(got, m.kind.Kind)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("missing (-want +got):\n%s", diff)
			}
			if (kinds != nil) != (len(missing) == 0) {
				t.Errorf("the other kinds: %v", kinds)
			}
		})
	}
	if _, _, err := lookUp(t.Context(), &rest.Config{Host: "http://127.0.0.1:1"}); err == nil {
		t.Error("no error of an API server that does not answer")
	}
}

// TestTheMetricOfMissingKinds: each kind has one, which says whether it is missing now.
func TestTheMetricOfMissingKinds(t *testing.T) {
	w, registry := &waiting{}, prometheus.NewRegistry()
	if err := w.register(registry); err != nil {
		t.Fatal(err)
	}
	for _, missing := range [][]prerequisite{prerequisites, prerequisites[1:], nil} {
		w.set(missing, errStarting)
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		got := 0.0
		for _, m := range families[0].GetMetric() {
			got += m.GetGauge().GetValue()
		}
		if families[0].GetName() != "wasmer_kind_missing" || len(families[0].GetMetric()) != 2 || got != float64(len(missing)) {
			t.Errorf("%d are missing: %v", len(missing), families)
		}
	}
}
