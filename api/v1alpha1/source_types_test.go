// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"strings"
	"testing"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

func TestEffectivePullPolicy(t *testing.T) {
	digest := "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	tests := []struct {
		source v1alpha1.RegistrySource
		want   v1alpha1.PullPolicy
	}{
		{v1alpha1.RegistrySource{Image: "reg.example/x:v1"}, v1alpha1.PullIfNotPresent},
		{v1alpha1.RegistrySource{Image: "reg.example/x:latest"}, v1alpha1.PullAlways},
		{v1alpha1.RegistrySource{Image: "reg.example/x"}, v1alpha1.PullAlways},
		{v1alpha1.RegistrySource{Image: "reg.example:5000/x"}, v1alpha1.PullAlways},
		{v1alpha1.RegistrySource{Image: "reg.example:5000/x:v1"}, v1alpha1.PullIfNotPresent},
		{v1alpha1.RegistrySource{Image: "reg.example/x" + digest}, v1alpha1.PullIfNotPresent},
		{v1alpha1.RegistrySource{Image: "reg.example/x:latest" + digest}, v1alpha1.PullIfNotPresent},
		{v1alpha1.RegistrySource{Image: "x"}, v1alpha1.PullAlways},
		{v1alpha1.RegistrySource{Image: "reg.example/x:latest", PullPolicy: v1alpha1.PullIfNotPresent}, v1alpha1.PullIfNotPresent},
		{v1alpha1.RegistrySource{Image: "reg.example/x:v1", PullPolicy: v1alpha1.PullAlways}, v1alpha1.PullAlways},
	}
	for _, tt := range tests {
		if got := tt.source.EffectivePullPolicy(); got != tt.want {
			t.Errorf("%+v: %s, want %s", tt.source, got, tt.want)
		}
	}
}

func TestIsSHA256(t *testing.T) {
	good := strings.Repeat("0123456789abcdef", 4)
	tests := map[string]bool{
		good: true, good[:63]: false, good + "0": false, "": false, strings.ToUpper(good): false,
		"g" + good[1:]: false, good[:63] + "g": false, "../" + good[3:]: false, good[:20] + "/" + good[21:]: false,
		good[:63] + "\n": false, good + "\n": false,
	}
	for s, want := range tests {
		if got := v1alpha1.IsSHA256(s); got != want {
			t.Errorf("IsSHA256(%q) = %v", s, got)
		}
	}
}
