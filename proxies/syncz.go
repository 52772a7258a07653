package proxies

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

const (
	// maxSync is how much of an answer of istiod is read, in bytes.
	maxSync = 64 << 20
	// maxProxies bounds the proxies that are told of.
	maxProxies = 200_000
	// listenerType is the type of what filters are in.
	listenerType = "type.googleapis.com/envoy.config.listener.v3.Listener"
)

// syncStatus is the part of istiod's answer that counts. There is one for each
// connection of a proxy.
type syncStatus struct {
	Proxy     string                    `json:"proxy"` // <pod>.<namespace>
	Resources map[string]resourceStatus `json:"resources"`
}

type resourceStatus struct {
	SentTime  time.Time `json:"sentTime"`
	LastError string    `json:"lastError"` // istiod empties it when the proxy takes something
}

// refusals are what is known of listeners, by "<namespace>/<pod>".
type refusals map[string]resourceStatus

// read adds what one replica of istiod says, of at most limit bytes.
func (r refusals) read(body io.Reader, limit int64) error {
	limited := &io.LimitedReader{R: body, N: limit}
	if err := r.decode(json.NewDecoder(limited)); err != nil {
		if limited.N <= 0 {
			return fmt.Errorf("more than %d bytes", limit)
		}
		return err
	}
	return nil
}

func (r refusals) decode(d *json.Decoder) error {
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
		var s syncStatus
		if err := d.Decode(&s); err != nil {
			return err
		}
		r.add(s)
	}
	_, err = d.Token()
	return err
}

// add notes one connection. Of several of one proxy, the one that was sent something
// last tells.
func (r refusals) add(s syncStatus) {
	dot := strings.LastIndexByte(s.Proxy, '.') // names of pods may have dots, those of namespaces do not
	listeners, sent := s.Resources[listenerType]
	if dot < 0 || !sent {
		return
	}
	listeners.LastError = shorten(listeners.LastError)
	r.put(s.Proxy[dot+1:]+"/"+s.Proxy[:dot], listeners)
}

func (r refusals) put(name string, listeners resourceStatus) {
	before, known := r[name]
	if (known && before.SentTime.After(listeners.SentTime)) || (!known && len(r) >= maxProxies) {
		return
	}
	r[name] = listeners
}

// words are what all replicas said together.
func words(found []refusals) map[string]string {
	all := refusals{}
	for _, r := range found {
		for name, listeners := range r {
			all.put(name, listeners)
		}
	}
	words := make(map[string]string, len(all))
	for name, listeners := range all {
		words[name] = listeners.LastError
	}
	return words
}
