package serve

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"github.com/autowasm/autowasm/fetch/module"
)

// watch notes who asks for a module that is here. The function that it returns is
// called when the answer is over, and notes whether that was the whole module: each
// byte was taken by the connection, which counts even where the kernel sends the file.
func (s *Server) watch(w *response, r *http.Request, info module.Info) (over func()) {
	client, ok := clientOf(r)
	if !ok {
		return func() {}
	}
	s.sightings.note(info.SHA256, client, false)
	return func() {
		if w.code == http.StatusOK && w.bytes == info.Size {
			s.sightings.note(info.SHA256, client, true)
		}
	}
}

// clientOf is the address of a client that loads modules: one that asks for no more
// than the header, or that is another replica, does not. What a client says of where
// it comes from does not count.
func clientOf(r *http.Request) (string, bool) {
	if r.Method != http.MethodGet || r.Header.Get(SiblingHeader) != "" {
		return "", false
	}
	client, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return "", false
	}
	return client.Addr().Unmap().WithZone("").String(), true
}

// serveSightings answers another replica that asks who was seen, and reports whether
// the request is such a one.
func (s *Server) serveSightings(w *response, r *http.Request, name string) bool {
	sha256, ok := strings.CutSuffix(name, ProxiesSuffix)
	if !ok || !module.IsSHA256(sha256) || r.Header.Get(SiblingHeader) == "" {
		return false
	}
	seen, err := json.Marshal(s.Seen(sha256))
	if err != nil {
		refuse(w, http.StatusInternalServerError, "cannot say who was seen")
		return true
	}
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Length", strconv.Itoa(len(seen)))
	_, _ = w.Write(seen) // the client left; there is nobody to tell
	return true
}
