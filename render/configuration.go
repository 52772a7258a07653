package render

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/wrapperspb"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// configuration is what the module reads in proxy_on_configure, as a StringValue,
// which Envoy hands over as it is. It is nil, so that the module sees nothing, for
// an absent config and for null.
func configuration(config *apiextensionsv1.JSON) (*anypb.Any, error) {
	if config == nil || len(config.Raw) == 0 {
		return nil, nil
	}
	text, absent, err := configurationText(config.Raw)
	if err != nil || absent {
		return nil, err
	}
	value, err := anypb.New(wrapperspb.String(text))
	if err != nil {
		return nil, fmt.Errorf("spec.filter.config: cannot be encoded: %w", err)
	}
	return value, nil
}

// configurationText returns a JSON string's content, and any other JSON in
// canonical form.
func configurationText(raw []byte) (text string, absent bool, err error) {
	value, err := decodeJSON(raw)
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
