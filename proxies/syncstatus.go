// SPDX-License-Identifier: Apache-2.0

package proxies

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unique"

	"github.com/autowasm/autowasm/internal/text"
)

const (
	// maxSync is how much of an answer of istiod is read, in bytes.
	maxSync = 64 << 20
	// maxProxies bounds the proxies that are known.
	maxProxies = 200_000
	// maxVersion is how much of a proxy's version is kept, in bytes: proxies may say what they like.
	maxVersion = 64
	// listenerType is the type of the resources that filters are in.
	listenerType = "type.googleapis.com/envoy.config.listener.v3.Listener"
)

// connection is the part of istiod's answer that counts. There is one for each connection of a proxy.
type connection struct {
	Proxy     string                    `json:"proxy"`         // <pod>.<namespace>
	Version   string                    `json:"istio_version"` // as the proxy says in its metadata
	Resources map[string]resourceStatus `json:"resources"`
}

type resourceStatus struct {
	SentTime  time.Time `json:"sentTime"`
	LastError string    `json:"lastError"` // istiod empties it when the proxy accepts something
	version   string    // of the proxy, Istio's; "" when it does not say
}

// syncStatus is what is known of each proxy's listeners, by "<namespace>/<pod>".
type syncStatus map[string]resourceStatus

// read adds what one replica of istiod answers, of at most limit bytes.
func (s syncStatus) read(body io.Reader, limit int64) error {
	limited := &io.LimitedReader{R: body, N: limit}
	if err := s.decode(json.NewDecoder(limited)); err != nil {
		if limited.N <= 0 {
			return fmt.Errorf("more than %d bytes", limit)
		}
		return err
	}
	return nil
}

func (s syncStatus) decode(d *json.Decoder) error {
	start, err := d.Token()
	if err != nil {
		return err
	}
	if start == nil {
		return nil // no proxies
	}
	if start != json.Delim('[') {
		return fmt.Errorf("it begins with %v, not with a list", start)
	}
	for d.More() {
		var c connection
		if err := d.Decode(&c); err != nil {
			return err
		}
		s.add(c)
	}
	_, err = d.Token()
	return err
}

// add adds one connection. Of several of one proxy, the one that was sent something last counts.
func (s syncStatus) add(c connection) {
	dot := strings.LastIndexByte(c.Proxy, '.') // names of pods may have dots, those of namespaces do not
	listeners, sent := c.Resources[listenerType]
	if dot < 0 || !sent {
		return
	}
	listeners.LastError = oneLine(listeners.LastError)
	listeners.version = unique.Make(text.Truncate(text.OneLine(c.Version), maxVersion)).Value() // most have the same
	s.put(c.Proxy[dot+1:]+"/"+c.Proxy[:dot], listeners)
}

func (s syncStatus) put(name string, listeners resourceStatus) {
	before, known := s[name]
	if (known && before.SentTime.After(listeners.SentTime)) || (!known && len(s) >= maxProxies) {
		return
	}
	s[name] = listeners
}

// syncResult is what all replicas answered together, by "<namespace>/<pod>".
type syncResult struct {
	rejections map[string]string
	versions   map[string]string
}

func merge(found []syncStatus) syncResult {
	all := syncStatus{}
	for _, s := range found {
		for name, listeners := range s {
			all.put(name, listeners)
		}
	}
	merged := syncResult{rejections: make(map[string]string, len(all)), versions: make(map[string]string, len(all))}
	for name, listeners := range all {
		merged.rejections[name] = listeners.LastError
		merged.versions[name] = listeners.version
	}
	return merged
}
