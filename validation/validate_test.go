// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/render"
)

// messages are the errors as a user reads them.
func messages(aw *v1alpha1.AutoWasm) []string {
	errs, _ := Validate(aw, Options{})
	return texts(errs)
}

func texts(errs field.ErrorList) []string {
	var out []string
	for _, err := range errs {
		out = append(out, err.Error())
	}
	return out
}

func filter(set func(*v1alpha1.Filter)) change {
	return func(aw *v1alpha1.AutoWasm) { set(&aw.Spec.Filter) }
}

func image(image string) change { return withSource(fromRegistry(image)) }

func address(url string) change { return withSource(fromObject(url, "")) }

func config(size int) change {
	return filter(func(f *v1alpha1.Filter) {
		f.Config = &apiextensionsv1.JSON{Raw: []byte(`"` + strings.Repeat("c", size-2) + `"`)}
	})
}

func env(variables ...v1alpha1.EnvVar) change {
	return filter(func(f *v1alpha1.Filter) { f.Env = variables })
}

func matching(pairs ...string) change {
	return func(aw *v1alpha1.AutoWasm) {
		aw.Spec.Selector.MatchLabels = map[string]v1alpha1.LabelValue{}
		for i := 0; i < len(pairs); i += 2 {
			aw.Spec.Selector.MatchLabels[pairs[i]] = v1alpha1.LabelValue(pairs[i+1])
		}
	}
}

func portRange(n int) []v1alpha1.Port {
	ports := make([]v1alpha1.Port, n)
	for i := range ports {
		ports[i] = v1alpha1.Port(i + 1)
	}
	return ports
}

const digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

var accepted = map[string]change{
	"the tutorial's sample":     func(*v1alpha1.AutoWasm) {},
	"the tutorial's object":     address("https://aaaa.com/bbb"),
	"a name still to come":      func(aw *v1alpha1.AutoWasm) { aw.Name = "" },
	"no selector":               matching(),
	"a label with a prefix":     matching("example.com/app", "", "app.kubernetes.io/name", "x_y.z"),
	"no secret":                 func(aw *v1alpha1.AutoWasm) { aw.Spec.Secret = "" },
	"an image by digest":        image("reg.example:5000/a/b@" + digest),
	"an image by tag and both":  image("reg.example/a/b:v1@" + digest),
	"an image of the hub":       image("wasm/filter"),
	"a registry on this host":   image("localhost:5000/x:v1"),
	"an http URL with a port":   address("http://bucket.example:8080/x.wasm?a=b#c"),
	"an IPv6 URL":               address("https://[2001:db8::1]:8443/x.wasm"),
	"an at sign in the path":    address("https://bucket.example/x@v1.wasm"),
	"a sha256":                  withSource(fromObject("https://x", digest[7:])),
	"a ConfigMap":               withSource(fromConfigMap("filters.v1", "my_filter.wasm")),
	"64 ports":                  withPorts(portRange(64)...),
	"identifiers at the limit":  filter(func(f *v1alpha1.Filter) { f.RootID, f.VMID = strings.Repeat("é", 256), nameOf(256) }),
	"a config at the limit":     config(MaxConfig),
	"a config for four ports":   func(aw *v1alpha1.AutoWasm) { config(MaxConfig)(aw); withPorts(1, 2, 3, 4)(aw) },
	"environment variables":     env(v1alpha1.EnvVar{Name: "A", Value: "b\nc"}, v1alpha1.EnvVar{Name: "B", FromHost: true}, v1alpha1.EnvVar{Name: "C"}),
	"each failure policy":       filter(func(f *v1alpha1.Filter) { f.FailurePolicy = v1alpha1.FailReload }),
	"each context":              filter(func(f *v1alpha1.Filter) { f.Context = v1alpha1.Gateway }),
	"a proxy version":           filter(func(f *v1alpha1.Filter) { f.ProxyVersion = `^1\.2[0-9].*` }),
	"a proxy version of Perl's": filter(func(f *v1alpha1.Filter) { f.ProxyVersion = `^1\.(?:21|22)\b` }),
}

func TestValidateAccepts(t *testing.T) {
	for name, change := range accepted {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff([]string(nil), messages(autoWasm(change))); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
		})
	}
}

// Whatever is valid can be stored once it is rendered: etcd holds no object above 1.5 MiB.
func TestTheLargestConfigFitsEtcd(t *testing.T) {
	for _, unit := range []string{`"",`, `"\\\\",`, `"<&>",`, `"\u0000",`, `"é",`, `0,`} {
		for _, ports := range []int{1, 4, 64} {
			aw := autoWasm(withPorts(portRange(ports)...))
			for n := MaxConfig / len(unit); ; n = n * 9 / 10 {
				aw.Spec.Filter.Config = &apiextensionsv1.JSON{Raw: []byte("[" + strings.Repeat(unit, n) + "0]")}
				if len(messages(aw)) == 0 {
					break
				}
			}
			ef, err := render.EnvoyFilter(aw, render.Module{SHA256: digest[len("sha256:"):]}, render.Options{Cluster: "outbound|8081||wasmer.istio-system.svc.cluster.local", BaseURL: "http://wasmer.istio-system:8081"})
			if err != nil {
				t.Fatal(err)
			}
			raw, err := json.Marshal(ef.Object)
			if err != nil {
				t.Fatal(err)
			}
			if len(raw) > 1280<<10 { // the rest is for managed fields
				t.Errorf("%d KiB of %s for %d ports render to %d KiB", len(aw.Spec.Filter.Config.Raw)>>10, unit, ports, len(raw)>>10)
			}
		}
	}
}
