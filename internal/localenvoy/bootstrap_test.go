// SPDX-License-Identifier: Apache-2.0

package localenvoy

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestConfiguration: a configuration is handed over byte by byte, and one that is empty is not one that is absent.
func TestConfiguration(t *testing.T) {
	for name, config := range map[string][]byte{"text": []byte("<é>"), "no text": {0, 0xe9, 0xff}, "empty": {}, "absent": nil} {
		t.Run(name, func(t *testing.T) {
			answer, err := Options{}.filter(version{number: 1, config: config})
			if err != nil {
				t.Fatal(err)
			}
			var got struct {
				Resources []struct {
					Config struct {
						Plugin struct {
							Configuration *struct {
								Type  string `json:"@type"`
								Value []byte `json:"value"`
							} `json:"configuration"`
						} `json:"config"`
					} `json:"typed_config"`
				} `json:"resources"`
			}
			if err := json.Unmarshal(answer, &got); err != nil {
				t.Fatal(err)
			}
			found := got.Resources[0].Config.Plugin.Configuration
			if found == nil {
				if config != nil {
					t.Error("there is none")
				}
				return
			}
			if diff := cmp.Diff(config, found.Value); diff != "" || found.Type != "type.googleapis.com/google.protobuf.BytesValue" {
				t.Errorf("%s %s", found.Type, diff)
			}
		})
	}
}
