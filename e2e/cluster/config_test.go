//go:build linux

// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// TestNodeFilesAreWhole: a field that nobody sets would be an empty value.
func TestNodeFilesAreWhole(t *testing.T) {
	config := nodeConfig{
		Name: "VALUE", Address: "VALUE", Pods: "VALUE", Dir: "VALUE", CNIDir: "VALUE", Containerd: "VALUE", Cgroup: "VALUE",
		ProxyKubeconfig: "VALUE", DNS: "VALUE", PodCIDR: "VALUE", Pause: "VALUE", Registry: "VALUE",
	}
	for _, template := range nodeTemplates.Templates() {
		var text bytes.Buffer
		if err := template.Execute(&text, config); err != nil {
			t.Errorf("%s: %v", template.Name(), err)
		}
		if !strings.Contains(text.String(), "VALUE") || strings.Contains(text.String(), "no value") {
			t.Errorf("%s:\n%s", template.Name(), &text)
		}
		if strings.HasSuffix(template.Name(), ".toml") {
			continue
		}
		if err := yaml.UnmarshalStrict(text.Bytes(), &map[string]any{}); err != nil { // JSON is YAML
			t.Errorf("%s: %v", template.Name(), err)
		}
	}
}

func TestManifestsAreYAML(t *testing.T) {
	values := map[string]any{
		"Image": "image", "Address": "10.96.0.10", "Replicas": 2, "Hub": "hub", "Tag": "dev", "CNIDir": "/var/lib/cni",
		"NodePort":  30080,
		"Manifests": "../manifests", "Released": "wasmer", "Digest": "sha256:0", "Registry": "10.89.0.1:5001",
	}
	for _, template := range manifests.Templates() {
		text, err := manifest(template.Name(), values)
		if err != nil || strings.Contains(text, "no value") {
			t.Errorf("%s: %v\n%s", template.Name(), err, text)
		}
		for document := range strings.SplitSeq(text, "\n---\n") {
			if err := yaml.UnmarshalStrict([]byte(document), &map[string]any{}); err != nil {
				t.Errorf("%s: %v\n%s", template.Name(), err, document)
			}
		}
	}
}

func TestReleasedImageIsThatOfTheManifests(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"renamed":     {"images: [{name: other, newName: no}, {name: wasmer, newName: registry.example/wasmer, newTag: v1}]", "registry.example/wasmer"},
		"by its path": {"images: [{name: registry.example/wasmer, newName: team.example/wasmer}]", "team.example/wasmer"},
		"not renamed": {"resources: [crd]", "wasmer"},
	} {
		path := filepath.Join(t.TempDir(), "kustomization.yaml")
		if err := os.WriteFile(path, []byte(tc.text), 0o644); err != nil {
			t.Fatal(err)
		}
		if got, err := releasedImage(path); err != nil || got != tc.want {
			t.Errorf("%s: %q, %v, want %q", name, got, err, tc.want)
		}
	}
}

// TestCgroupsOfNodes makes and removes a node's groups in a directory that stands for a hierarchy of version 1.
func TestCgroupsOfNodes(t *testing.T) {
	root := filepath.Join(t.TempDir(), "cpuset")
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	for file, value := range map[string]string{"cpuset.cpus": "0-1\n", "cpuset.mems": "0\n"} {
		if err := os.WriteFile(filepath.Join(root, file), []byte(value), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // again is no error
		if err := makeCgroup(root, "/cluster/node1"); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(filepath.Join(root, "cluster/node1/cpuset.cpus"))
	if diff := cmp.Diff("0-1\n", string(got)); err != nil || diff != "" {
		t.Errorf("%v, %s", err, diff)
	}
}

// TestRemoveTree removes directories from the lowest on. In a hierarchy their files are no obstacle, here there are none.
func TestRemoveTree(t *testing.T) {
	group := filepath.Join(t.TempDir(), "cluster")
	if err := os.MkdirAll(filepath.Join(group, "node1/kubepods/pod1"), 0o755); err != nil {
		t.Fatal(err)
	}
	for range 2 { // of nothing, nothing is left
		if err := removeTree(group); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(group); !os.IsNotExist(err) {
			t.Errorf("it is there: %v", err)
		}
	}
}

func TestClustersOfTwoDirectoriesHaveTwoGroups(t *testing.T) {
	if a, b := cgroupName("/a/.local/cluster"), cgroupName("/b/.local/cluster"); a == b || a != cgroupName("/a/.local/cluster") {
		t.Errorf("%s and %s", a, b)
	}
}
