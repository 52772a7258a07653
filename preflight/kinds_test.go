// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
)

// cluster answers what Discover asks an API server.
type cluster struct {
	groups map[string][]string // resources "plural/Kind" by group and version
	denied []string            // "verb plural" that wasmer may not do
	broken string              // a path that is answered with an error
	mute   bool                // wasmer may not even ask what it may do
}

func (c cluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch path := r.URL.Path; {
	case path == c.broken:
		http.Error(w, "broken", http.StatusInternalServerError)
	case path == "/api":
		answer(w, metav1.APIVersions{TypeMeta: metav1.TypeMeta{Kind: "APIVersions"}, Versions: []string{"v1"}})
	case path == "/apis":
		answer(w, c.list())
	case strings.HasSuffix(path, "/selfsubjectaccessreviews"):
		c.review(w, r)
	default:
		c.describe(w, strings.TrimPrefix(strings.TrimPrefix(path, "/apis/"), "/api/"))
	}
}

func (c cluster) list() metav1.APIGroupList {
	versions := map[string][]metav1.GroupVersionForDiscovery{}
	for gv := range c.groups {
		if group, version, ok := strings.Cut(gv, "/"); ok {
			versions[group] = append(versions[group], metav1.GroupVersionForDiscovery{GroupVersion: gv, Version: version})
		}
	}
	list := metav1.APIGroupList{TypeMeta: metav1.TypeMeta{Kind: "APIGroupList", APIVersion: "v1"}}
	for _, group := range slices.Sorted(maps.Keys(versions)) {
		list.Groups = append(list.Groups, metav1.APIGroup{Name: group, Versions: versions[group], PreferredVersion: versions[group][0]})
	}
	return list
}

func (c cluster) describe(w http.ResponseWriter, gv string) {
	resources, ok := c.groups[gv]
	if group, _, named := strings.Cut(gv, "/"); !ok && !named {
		for _, g := range c.list().Groups {
			if g.Name == group {
				answer(w, g)
				return
			}
		}
	}
	if !ok {
		http.Error(w, "no such group", http.StatusNotFound)
		return
	}
	list := metav1.APIResourceList{TypeMeta: metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"}, GroupVersion: gv}
	for _, resource := range resources {
		name, kind, _ := strings.Cut(resource, "/")
		list.APIResources = append(list.APIResources, metav1.APIResource{Name: name, Kind: kind, Namespaced: true, Verbs: metav1.Verbs{"list", "watch"}})
	}
	answer(w, list)
}

func (c cluster) review(w http.ResponseWriter, r *http.Request) {
	var review authorizationv1.SelfSubjectAccessReview
	body, err := io.ReadAll(r.Body)
	if err == nil { // as protobuf, which clients prefer
		_, _, err = clientgoscheme.Codecs.UniversalDeserializer().Decode(body, nil, &review)
	}
	if err != nil || c.mute {
		w.WriteHeader(http.StatusForbidden)
		answer(w, metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusFailure, Reason: metav1.StatusReasonForbidden, Code: http.StatusForbidden})
		return
	}
	asked := review.Spec.ResourceAttributes
	review.Status.Allowed = asked.Namespace == "" && !slices.Contains(c.denied, asked.Verb+" "+asked.Resource)
	review.SetGroupVersionKind(authorizationv1.SchemeGroupVersion.WithKind("SelfSubjectAccessReview"))
	answer(w, review)
}

func answer(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value)
}

func meshed() map[string][]string {
	return map[string][]string{
		"v1":                     {"pods/Pod", "services/Service"},
		"networking.istio.io/v1": {"sidecars/Sidecar", "serviceentries/ServiceEntry", "workloadentries/WorkloadEntry", "destinationrules/DestinationRule"},
		"security.istio.io/v1":   {"peerauthentications/PeerAuthentication"},
	}
}

// TestDiscover: what the cluster lacks, or wasmer may not watch, is left out, and nothing else.
func TestDiscover(t *testing.T) {
	all := "DestinationRule Pod PeerAuthentication Service ServiceEntry Sidecar WorkloadEntry"
	old := map[string][]string{"v1": meshed()["v1"], "networking.istio.io/v1beta1": {"sidecars/Sidecar"}}
	for name, tt := range map[string]struct {
		cluster cluster
		want    string
	}{
		"all is there":                  {cluster{groups: meshed()}, all},
		"no mesh":                       {cluster{groups: map[string][]string{"v1": meshed()["v1"]}}, "Pod Service"},
		"an older mesh":                 {cluster{groups: old}, "Pod Service Sidecar"},
		"pods may not be listed":        {cluster{groups: meshed(), denied: []string{"list pods"}}, strings.Replace(all, "Pod ", "", 1)},
		"services may not be watched":   {cluster{groups: meshed(), denied: []string{"watch services"}}, strings.Replace(all, "Service ", "", 1)},
		"it may not ask what it may do": {cluster{groups: meshed(), mute: true}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(tt.cluster)
			defer server.Close()
			found, err := Discover(t.Context(), &rest.Config{Host: server.URL})
			if err != nil {
				t.Fatal(err)
			}
			var kinds []string
			for _, gvk := range found.all() {
				kinds = append(kinds, gvk.Kind)
			}
			want := strings.Fields(tt.want)
			slices.Sort(kinds)
			slices.Sort(want)
			if diff := cmp.Diff(strings.Join(want, " "), strings.Join(kinds, " ")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestDiscoverFailsWithoutAnAnswer: wasmer then restarts, instead of leaving findings out for good.
func TestDiscoverFailsWithoutAnAnswer(t *testing.T) {
	for _, path := range []string{"/api/v1", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"} {
		server := httptest.NewServer(cluster{groups: meshed(), broken: path})
		if found, err := Discover(t.Context(), &rest.Config{Host: server.URL}); err == nil {
			t.Errorf("%s is broken, and found is %v", path, found)
		}
		server.Close()
	}
}
