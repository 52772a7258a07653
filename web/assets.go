// SPDX-License-Identifier: Apache-2.0

package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"net/http"
	"path"
	"time"
)

//go:embed static
var static embed.FS

// An asset is a file of the page.
type asset struct {
	content     []byte
	contentType string
	etag        string
}

// assets are the files of the page by their paths.
var assets = readAssets()

// contentTypes are those of the files, whatever the machine's own table of types says.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

func readAssets() map[string]asset {
	all := map[string]asset{}
	files, _ := static.ReadDir("static") // what is embedded can be read
	for _, file := range files {
		content, _ := static.ReadFile("static/" + file.Name())
		sum := sha256.Sum256(content)
		all["/"+file.Name()] = asset{content, contentTypes[path.Ext(file.Name())], `"` + hex.EncodeToString(sum[:8]) + `"`}
	}
	all["/"] = all["/index.html"]
	return all
}

func serveAsset(w http.ResponseWriter, r *http.Request) {
	file, ok := assets[r.URL.Path]
	if !ok {
		http.Error(w, fmt.Sprintf("there is no %q: the page is at /", r.URL.Path), http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", file.contentType)
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("ETag", file.etag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(file.content))
}
