// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

func TestValidateRefuses(t *testing.T) {
	both := fromObject("https://x", "")
	both.Registry = fromRegistry("reg.example/x:v1").Registry
	tests := []struct {
		name   string
		change change
		want   []string
	}{
		{"nothing at all", func(aw *v1alpha1.AutoWasm) { *aw = v1alpha1.AutoWasm{} }, []string{
			`metadata.namespace: Required value: an AutoWasm is in a namespace: name it`,
			`spec.filter.source: Required value: exactly one of registry, object and configMap must be set`,
		}},
		{"names", func(aw *v1alpha1.AutoWasm) { aw.Name, aw.Namespace, aw.Spec.Secret = "A b", "a.b", "../x" }, []string{
			`metadata.namespace: Invalid value: "a.b": must be the name of a namespace: lower-case letters, digits and '-', at most 63`,
			`metadata.name: Invalid value: "A b": must be lower-case letters, digits, '-' and '.', at most 253, as the EnvoyFilter is named so too`,
			`spec.secret: Invalid value: "../x": must be the name of a Secret in the AutoWasm's namespace; leave it out for a public image`,
		}},
		{"ports", withPorts(0, 80, 65536, 80, -1), []string{
			`spec.filter.applyPorts[0]: Invalid value: 0: must be a port from 1 to 65535; leave applyPorts out for all ports`,
			`spec.filter.applyPorts[2]: Invalid value: 65536: must be a port from 1 to 65535; leave applyPorts out for all ports`,
			`spec.filter.applyPorts[3]: Duplicate value: 80`,
			`spec.filter.applyPorts[4]: Invalid value: -1: must be a port from 1 to 65535; leave applyPorts out for all ports`,
		}},
		{"too many ports", withPorts(portRange(65)...), []string{
			`spec.filter.applyPorts: Too many: 65: must have at most 64 items`,
		}},
		{"identifiers", filter(func(f *v1alpha1.Filter) { f.RootID, f.VMID = nameOf(257), "a\nb" }), []string{
			`spec.filter.rootID: Too long: may not be more than 256 characters`,
			`spec.filter.vmID: Invalid value: "a b": must not contain control characters such as line breaks: remove them`,
		}},
		{"broken UTF-8", filter(func(f *v1alpha1.Filter) { f.VMID = "a\xffb" }), []string{
			`spec.filter.vmID: Invalid value: "ab": must be valid UTF-8: remove the broken characters`,
		}},
		{"two sources", withSource(both), []string{
			`spec.filter.source: Forbidden: exactly one of registry, object and configMap must be set`,
		}},
		{"two bad sources", withSource(v1alpha1.Source{Object: &v1alpha1.ObjectSource{}, ConfigMap: &v1alpha1.ConfigMapSource{}}), []string{
			`spec.filter.source.object.url: Required value: must be an absolute http or https URL, such as https://bucket.example/filter.wasm`,
			`spec.filter.source.configMap.name: Required value: name a ConfigMap in the AutoWasm's namespace`,
			`spec.filter.source.configMap.key: Required value: name the key of binaryData that holds the module`,
			`spec.filter.source: Forbidden: exactly one of registry, object and configMap must be set`,
		}},
		{"no image", image(""), []string{
			`spec.filter.source.registry.image: Required value: name an image, such as registry.example/team/filter:v1`,
		}},
		{"a scheme", image("oci://reg.example/x"), []string{
			`spec.filter.source.registry.image: Invalid value: "oci://reg.example/x": must not begin with a scheme: remove everything up to and with '://'`,
		}},
		{"user information", image("me:s3cret@reg.example/x"), []string{
			`spec.filter.source.registry.image: Invalid value: "…@reg.example/x": must not carry user information: put the credentials into a Secret, and its name into spec.secret`,
		}},
		{"user information after a scheme", image("https://me:s3cret@reg.example/x?s3cret"), []string{
			`spec.filter.source.registry.image: Invalid value: "…@reg.example/x?…": must not carry user information: put the credentials into a Secret, and its name into spec.secret`,
		}},
		{"user information alone", image("me:s3cret@reg"), []string{
			`spec.filter.source.registry.image: Invalid value: "…@reg": must not carry user information: put the credentials into a Secret, and its name into spec.secret`,
		}},
		{"white space", image("reg.example/x :v1"), []string{
			`spec.filter.source.registry.image: Invalid value: "reg.example/x :v1": must not contain white space: remove it`,
		}},
		{"a long image", image(nameOf(1025)), []string{
			`spec.filter.source.registry.image: Too long: may not be more than 1024 characters`,
		}},
		{"a pull policy", filter(func(f *v1alpha1.Filter) { f.Source.Registry.PullPolicy = "Never" }), []string{
			`spec.filter.source.registry.pullPolicy: Unsupported value: "Never": supported values: "IfNotPresent", "Always"`,
		}},
		{"a sha256", withSource(fromObject("https://x", strings.ToUpper(digest[7:]))), []string{
			fmt.Sprintf(`spec.filter.source.object.sha256: Invalid value: %q: must be 64 lower-case hex digits, as sha256sum prints them`, strings.ToUpper(digest[7:])),
		}},
		{"a ConfigMap", withSource(fromConfigMap("A", "a/b")), []string{
			`spec.filter.source.configMap.name: Invalid value: "A": must be the name of a ConfigMap in the AutoWasm's namespace`,
			`spec.filter.source.configMap.key: Invalid value: "a/b": must be a key of binaryData: letters, digits, '-', '_' and '.', at most 253`,
		}},
		{"enumerations", filter(func(f *v1alpha1.Filter) { f.FailurePolicy, f.Context = "failOpen", "Sidecar" }), []string{
			`spec.filter.failurePolicy: Unsupported value: "failOpen": supported values: "FailClosed", "FailOpen", "FailReload"`,
			`spec.filter.context: Unsupported value: "Sidecar": supported values: "Inbound", "Outbound", "Gateway"`,
		}},
		{"a proxy version", filter(func(f *v1alpha1.Filter) { f.ProxyVersion = `^1\.(?!2)` }), []string{
			"spec.filter.proxyVersion: Invalid value: \"^1\\\\.(?!2)\": error parsing regexp: invalid or unsupported Perl syntax: `(?!`: write a regular expression of the RE2 syntax, such as ^1\\.2[0-9].*",
		}},
		{"a long proxy version", filter(func(f *v1alpha1.Filter) { f.ProxyVersion = nameOf(1025) }), []string{
			`spec.filter.proxyVersion: Too long: may not be more than 1024 bytes`,
		}},
		{"a proxy version of few characters and many bytes", filter(func(f *v1alpha1.Filter) { f.ProxyVersion = strings.Repeat("ä", 512) + "x" }), []string{
			`spec.filter.proxyVersion: Too long: may not be more than 1024 bytes`,
		}},
		{"a config over the limit", config(MaxConfig + 1), []string{
			`spec.filter.config: Invalid value: "257 KiB": must be at most 256 KiB of JSON: let the module load large data by itself`,
		}},
		{"a config over the limit for five ports", func(aw *v1alpha1.AutoWasm) { config(MaxConfig)(aw); withPorts(portRange(5)...)(aw) }, []string{
			`spec.filter: Invalid value: "1280 KiB": config and env, once for each of applyPorts, must be at most 1024 KiB: name fewer ports, or leave applyPorts out`,
		}},
		{"a config of backslashes", configOf("["+strings.Repeat(`"\\\\",`, 36<<10)+"0]", 1, 2, 3, 4), []string{
			`spec.filter: Invalid value: "1873 KiB": config and env, once for each of applyPorts, must be at most 1024 KiB: name fewer ports, or leave applyPorts out`,
		}},
		{"a config that is no JSON", filter(func(f *v1alpha1.Filter) { f.Config = &apiextensionsv1.JSON{Raw: []byte("{")} }), []string{
			`spec.filter.config: Invalid value: "1 KiB": must be JSON`,
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, messages(autoWasm(tt.change))); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
		})
	}
}

func TestValidateRefusesImages(t *testing.T) {
	for _, reference := range []string{"UPPER/case", "reg.example/x:", "reg.example/x@sha256:12", "reg.example/x:" + nameOf(129), ":v1", "/x", "reg.example//x", "x\x00"} {
		got := messages(autoWasm(image(reference)))
		if len(got) != 1 || !strings.HasPrefix(got[0], "spec.filter.source.registry.image: Invalid value:") || !strings.HasSuffix(got[0], "write one such as registry.example/team/filter:v1") {
			t.Errorf("errors for the image %q = %q", reference, got)
		}
	}
}

func TestValidateRefusesURLs(t *testing.T) {
	const (
		path     = "spec.filter.source.object.url: Invalid value: "
		absolute = "must be an absolute http or https URL, such as https://bucket.example/filter.wasm"
		userInfo = "must not carry user information: credentials in a URL would be shown to everybody who may read the object"
	)
	tests := map[string]string{
		"/x.wasm":                    path + `"/x.wasm": ` + absolute,
		"bucket.example/x.wasm":      path + `"bucket.example/x.wasm": ` + absolute,
		"ftp://x/y":                  path + `"ftp://x/y": ` + absolute,
		"https:///x":                 path + `"https:///x": ` + absolute,
		"https://:80/x":              path + `"https://:80/x": ` + absolute,
		"https://x:70000/y":          path + `"https://x:70000/y": ` + absolute,
		"https://x:0/y":              path + `"https://x:0/y": ` + absolute,
		"https://x/%zz":              path + `"https://x/%zz": ` + absolute,
		"https://me:s3cret@x/y":      path + `"…@x/y": ` + userInfo,
		"https://s3cret@x/y":         path + `"…@x/y": ` + userInfo,
		"https://me:s3cret@x/%zz":    path + `"…@x/%zz": ` + absolute,
		"https://" + nameOf(2048):    "spec.filter.source.object.url: Too long: may not be more than 2048 characters",
		"https://me@x/y?s3cret@z":    path + `"…@x/y?…": ` + userInfo,
		"https://x/\ny":              path + `"https://x/ y": ` + absolute,
		"https://x:80:80/y":          path + `"https://x:80:80/y": ` + absolute,
		"javascript:alert(1)//https": path + `"javascript:alert(1)//https": ` + absolute,
	}
	for u, want := range tests {
		if diff := cmp.Diff([]string{want}, messages(autoWasm(address(u)))); diff != "" {
			t.Errorf("errors for the URL %q (-want +got):\n%s", u, diff)
		}
	}
}

func configOf(raw string, ports ...v1alpha1.Port) change {
	return filter(func(f *v1alpha1.Filter) {
		f.Config, f.ApplyPorts = &apiextensionsv1.JSON{Raw: []byte(raw)}, ports
	})
}
