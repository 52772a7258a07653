// SPDX-License-Identifier: Apache-2.0

package proxies

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// endless repeats a text, and counts what is read of it.
type endless struct {
	text string
	read int
}

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = e.text[(e.read+i)%len(e.text)]
	}
	e.read += len(p)
	return len(p), nil
}

func syncOf(proxy string) string {
	return fmt.Sprintf(`{"proxy":%q,"resources":{%q:{"lastError":"bad"}}}`, proxy, listenerType)
}

// However much istiod says, no more is read than may be; what came before counts.
func TestReadToTheLimit(t *testing.T) {
	const limit = 256 << 10
	for name, c := range map[string]struct{ head, rest string }{
		"proxies":  {",", syncOf("a.ns") + ","},
		"one name": {`,{"proxy":"`, "a"},
		"blanks":   {"", " "},
		"brackets": {",", "["},
	} {
		t.Run(name, func(t *testing.T) {
			rest, found := &endless{text: c.rest}, syncStatus{}
			err := found.read(io.MultiReader(strings.NewReader("["+syncOf("b.ns")+c.head), rest), limit)
			if err == nil || rest.read > limit {
				t.Errorf("%d bytes are read, error %v", rest.read, err)
			}
			if found["ns/b"].LastError != "bad" || len(found) > 2 {
				t.Errorf("found %v", found)
			}
		})
	}
}

func TestReadAsMuchAsMayBe(t *testing.T) {
	said, found := "["+syncOf("a.ns")+"]", syncStatus{}
	if err := found.read(strings.NewReader(said), int64(len(said))); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(map[string]string{"ns/a": "bad"}, merge([]syncStatus{found}).rejections); diff != "" {
		t.Errorf("rejections (-want +got):\n%s", diff)
	}
	if err := (syncStatus{}).read(strings.NewReader(said), int64(len(said)-1)); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("a byte more: %v", err)
	}
}
