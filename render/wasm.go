// SPDX-License-Identifier: Apache-2.0

package render

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	filterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/wasm/v3"
	wasmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/wasm/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

const (
	// wasmType is used directly rather than in a TypedStruct, so that istiod checks the names of its fields.
	wasmType  = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm"
	runtimeV8 = "envoy.wasm.runtime.v8"

	retryBaseInterval = time.Second
	retryMaxInterval  = 30 * time.Second

	// restartInterval is how long Envoy puts off the restart of a filter that traps again, and at most half as long again:
	// meanwhile the worker answers all requests with 503. Envoy's default is a second, in which one bad request a second
	// takes most good ones with it.
	restartInterval = 200 * time.Millisecond
)

// failurePolicies are Envoy's words. Absent, a module that traps on a request is started again: Envoy's own default is to
// answer every later request of that worker with 503, for good.
var failurePolicies = map[v1alpha1.FailurePolicy]wasmv3.FailurePolicy{
	"":                  wasmv3.FailurePolicy_FAIL_RELOAD,
	v1alpha1.FailClosed: wasmv3.FailurePolicy_FAIL_CLOSED,
	v1alpha1.FailOpen:   wasmv3.FailurePolicy_FAIL_OPEN,
	v1alpha1.FailReload: wasmv3.FailurePolicy_FAIL_RELOAD,
}

// filterValue is the HTTP filter as Istio inserts it. Its name is unique in the mesh, so that no patch of another
// EnvoyFilter that matches the name of a filter matches it.
func filterValue(aw *v1alpha1.AutoWasm, m Module, o Options) (*structpb.Struct, Plugin, error) {
	message, err := wasmMessage(aw, m, o)
	if err != nil {
		return nil, Plugin{}, err
	}
	config, err := typedStruct(message)
	if err != nil {
		return nil, Plugin{}, err
	}
	plugin, err := nameOf(aw, m, config)
	if err != nil {
		return nil, Plugin{}, err
	}
	config.Fields["config"].GetStructValue().Fields["name"] = structpb.NewStringValue(plugin.String())
	return &structpb.Struct{Fields: map[string]*structpb.Value{
		"name":        structpb.NewStringValue(ownerName(aw)),
		"typedConfig": structpb.NewStructValue(config),
	}}, plugin, nil
}

// typedStruct checks the message against Envoy's rules and gives it the free form that a patch wants.
func typedStruct(message *filterv3.Wasm) (*structpb.Struct, error) {
	if err := message.ValidateAll(); err != nil {
		return nil, fmt.Errorf("the filter breaks Envoy's rules: %w", err)
	}
	raw, err := protojson.Marshal(message)
	if err != nil {
		return nil, fmt.Errorf("encode the filter: %w", err)
	}
	out := &structpb.Struct{}
	if err := protojson.Unmarshal(raw, out); err != nil {
		return nil, fmt.Errorf("encode the filter: %w", err)
	}
	out.Fields["@type"] = structpb.NewStringValue(wasmType)
	return out, nil
}

// wasmMessage is all of the filter but the name of its plugin, which follows from it.
func wasmMessage(aw *v1alpha1.AutoWasm, m Module, o Options) (*filterv3.Wasm, error) {
	f := &aw.Spec.Filter
	configuration, err := configuration(f.Config)
	if err != nil {
		return nil, err
	}
	return &filterv3.Wasm{Config: &wasmv3.PluginConfig{
		RootId:        f.RootID,
		FailurePolicy: failurePolicies[f.FailurePolicy],
		ReloadConfig:  reloadConfig(failurePolicies[f.FailurePolicy]),
		Configuration: configuration,
		Vm: &wasmv3.PluginConfig_VmConfig{VmConfig: &wasmv3.VmConfig{
			VmId:                 vmID(aw, m),
			Runtime:              runtimeV8,
			Code:                 remoteCode(m, o, f.FailurePolicy),
			EnvironmentVariables: environment(f.Env),
			AllowPrecompiled:     f.AllowPrecompiled,
		}},
	}}, nil
}

// reloadConfig is nil for a policy that restarts nothing.
func reloadConfig(policy wasmv3.FailurePolicy) *wasmv3.ReloadConfig {
	if policy != wasmv3.FailurePolicy_FAIL_RELOAD {
		return nil
	}
	return &wasmv3.ReloadConfig{Backoff: &corev3.BackoffStrategy{BaseInterval: durationpb.New(restartInterval)}}
}

func remoteCode(m Module, o Options, policy v1alpha1.FailurePolicy) *corev3.AsyncDataSource {
	timeout, retries := loading(policy)
	return &corev3.AsyncDataSource{Specifier: &corev3.AsyncDataSource_Remote{
		Remote: &corev3.RemoteDataSource{
			Sha256: m.SHA256,
			HttpUri: &corev3.HttpUri{
				Uri:              strings.TrimSuffix(o.BaseURL, "/") + v1alpha1.ModulePath + m.SHA256,
				HttpUpstreamType: &corev3.HttpUri_Cluster{Cluster: o.Cluster},
				Timeout:          durationpb.New(timeout),
			},
			RetryPolicy: retryPolicy(retries),
		},
	}}
}

// retryPolicy is always rendered: Envoy's default gives up within two seconds, and a proxy that gave up stays without
// the module until its configuration changes.
func retryPolicy(retries uint32) *corev3.RetryPolicy {
	return &corev3.RetryPolicy{
		NumRetries: wrapperspb.UInt32(retries),
		RetryBackOff: &corev3.BackoffStrategy{
			BaseInterval: durationpb.New(retryBaseInterval),
			MaxInterval:  durationpb.New(retryMaxInterval),
		},
	}
}

// environment is nil when there are no variables.
func environment(env []v1alpha1.EnvVar) *wasmv3.EnvironmentVariables {
	if len(env) == 0 {
		return nil
	}
	out := &wasmv3.EnvironmentVariables{}
	for _, variable := range sortedEnv(env) {
		if variable.FromHost {
			out.HostEnvKeys = append(out.HostEnvKeys, variable.Name)
			continue
		}
		if out.KeyValues == nil {
			out.KeyValues = map[string]string{}
		}
		out.KeyValues[variable.Name] = variable.Value
	}
	return out
}

// configuration is what the module reads in proxy_on_configure, as a StringValue, which Envoy hands over as it is. It
// is nil, so that the module sees nothing, for an absent config and for null.
func configuration(config *apiextensionsv1.JSON) (*anypb.Any, error) {
	text, absent, err := configurationText(config)
	if err != nil || absent {
		return nil, err
	}
	value, err := anypb.New(wrapperspb.String(text))
	if err != nil {
		return nil, fmt.Errorf("spec.filter.config: cannot be encoded: %w", err)
	}
	return value, nil
}

// configurationText returns a JSON string's content, and any other JSON in canonical form. It is absent without a config, and
// for null.
func configurationText(config *apiextensionsv1.JSON) (text string, absent bool, err error) {
	if config == nil || len(config.Raw) == 0 {
		return "", true, nil
	}
	value, err := decodeJSON(config.Raw)
	if err != nil {
		return "", false, fmt.Errorf("spec.filter.config: not valid JSON (%w): give a string, or an object, array, number or boolean", err)
	}
	switch value := value.(type) {
	case nil:
		return "", true, nil
	case string:
		return value, false, nil
	}
	canonical, err := encodeJSON(value)
	return string(canonical), false, err
}

// decodeJSON reads one JSON value and keeps the digits of its numbers.
func decodeJSON(raw []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the value")
	}
	return value, nil
}

// encodeJSON writes sorted keys, no white space, and no escapes for HTML's sake.
func encodeJSON(value any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}
