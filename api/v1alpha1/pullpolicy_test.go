package v1alpha1

import "testing"

func TestEffectivePullPolicy(t *testing.T) {
	digest := "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	tests := []struct {
		source RegistrySource
		want   PullPolicy
	}{
		{RegistrySource{Image: "reg.example/x:v1"}, PullIfNotPresent},
		{RegistrySource{Image: "reg.example/x:latest"}, PullAlways},
		{RegistrySource{Image: "reg.example/x"}, PullAlways},
		{RegistrySource{Image: "reg.example:5000/x"}, PullAlways},
		{RegistrySource{Image: "reg.example:5000/x:v1"}, PullIfNotPresent},
		{RegistrySource{Image: "reg.example/x" + digest}, PullIfNotPresent},
		{RegistrySource{Image: "reg.example/x:latest" + digest}, PullIfNotPresent},
		{RegistrySource{Image: "x"}, PullAlways},
		{RegistrySource{Image: "reg.example/x:latest", PullPolicy: PullIfNotPresent}, PullIfNotPresent},
		{RegistrySource{Image: "reg.example/x:v1", PullPolicy: PullAlways}, PullAlways},
	}
	for _, tt := range tests {
		if got := tt.source.EffectivePullPolicy(); got != tt.want {
			t.Errorf("%+v: %s, want %s", tt.source, got, tt.want)
		}
	}
}
