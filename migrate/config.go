// SPDX-License-Identifier: Apache-2.0

package migrate

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"unicode/utf8"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// setConfig sets what the module reads as its configuration.
func (d *draft) setConfig(path string, config any) {
	raw, err := json.Marshal(config)
	if err != nil {
		d.refuse(path, "it is no JSON: %v", err)
		return
	}
	d.filter.Config = &apiextensionsv1.JSON{Raw: raw}
}

// anyConfig reads a google.protobuf.Any as Envoy does, which hands over the content of a string or of bytes, and of a
// Struct the JSON.
func (d *draft) anyConfig(config *fields, name string) {
	path := config.at(name)
	if text, ok := config.left[name].(string); ok { // as it was in Envoy's API of version 2
		config.take(name)
		d.setConfig(path, text)
		return
	}
	if !config.has(name) {
		return
	}
	value := config.child(name)
	switch kind := typeName(value.text("@type")); kind {
	case "google.protobuf.StringValue":
		d.setConfig(path, value.text("value"))
	case "google.protobuf.Struct":
		d.setConfig(path, as[map[string]any](value, "value", "an object"))
	case "google.protobuf.BytesValue":
		d.bytesConfig(path, value.text("value"))
	default:
		d.refuse(path, "the module reads a string, bytes or JSON, and the type is %q: use google.protobuf.StringValue", kind)
	}
}

func (d *draft) bytesConfig(path, encoded string) {
	content, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || !utf8.Valid(content) {
		d.refuse(path, "the bytes are no UTF-8, which an AutoWasm's configuration is: have the module read text")
		return
	}
	d.setConfig(path, string(content))
}

// typeName is what a type URL names.
func typeName(url string) string { return url[strings.LastIndex(url, "/")+1:] }
