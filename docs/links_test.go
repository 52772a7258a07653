// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestLinksLeadSomewhere follows the links within the repository.
func TestLinksLeadSomewhere(t *testing.T) {
	for _, page := range readersPages(t) {
		for _, link := range unique(read(t, page), `\]\(([^)\s]+)\)`) {
			if !strings.Contains(link, "://") {
				follow(t, page, link)
			}
		}
	}
}

func follow(t *testing.T, page, link string) {
	path, anchor, _ := strings.Cut(link, "#")
	target := page
	if path != "" {
		target = filepath.Join(filepath.Dir(page), path)
	}
	if _, err := os.Stat(target); err != nil {
		t.Errorf("%s links to %s: %v", page, link, err)
		return
	}
	if anchor != "" && !hasHeading(read(t, target), anchor) {
		t.Errorf("%s links to %s, where there is no such heading", page, link)
	}
}

var (
	heading   = regexp.MustCompile(`(?m)^#+ (.+)$`)
	noAnchors = regexp.MustCompile(`[^a-z0-9 _-]`)
)

// hasHeading makes anchors of headings as GitHub does.
func hasHeading(text, anchor string) bool {
	for _, match := range heading.FindAllStringSubmatch(text, -1) {
		plain := noAnchors.ReplaceAllString(strings.ToLower(match[1]), "")
		if strings.ReplaceAll(plain, " ", "-") == anchor {
			return true
		}
	}
	return false
}
