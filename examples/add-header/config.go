// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"strings"
)

// header is the response header that the filter adds.
type header struct {
	Name  string `json:"header"`
	Value string `json:"value"`
}

// defaultHeader is added when the configuration names nothing else.
var defaultHeader = header{Name: "hello", Value: "world"}

// parseConfig reads the plugin's configuration:
//
//	(nothing)                               hello: world
//	"x-team: blue"                          x-team: blue
//	{"header": "x-team", "value": "blue"}   x-team: blue, either may be absent
//	"blue"                                  hello: blue
//
// A JSON object that cannot be read as one, and a name or value that HTTP does
// not allow, are errors.
func parseConfig(config string) (header, error) {
	config = strings.TrimSpace(config)
	h := defaultHeader
	switch name, value, found := strings.Cut(config, ":"); {
	case config == "":
	case strings.HasPrefix(config, "{"):
		if err := json.Unmarshal([]byte(config), &h); err != nil {
			return header{}, fmt.Errorf("read the configuration as a JSON object: %w", err)
		}
	case found && isToken(strings.TrimSpace(name)):
		h = header{Name: strings.TrimSpace(name), Value: strings.TrimSpace(value)}
	default:
		h.Value = config
	}
	return h, h.check()
}

func (h header) check() error {
	if !isToken(h.Name) {
		return fmt.Errorf("%q is not the name of a header", h.Name)
	}
	if strings.ContainsFunc(h.Value, isControl) {
		return fmt.Errorf("the value of %s has a control character: %q", h.Name, h.Value)
	}
	return nil
}

// isToken says whether HTTP allows a header of this name.
func isToken(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }
