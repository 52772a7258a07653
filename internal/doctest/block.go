// SPDX-License-Identifier: Apache-2.0

package doctest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// A Block is a fenced block of a page.
type Block struct {
	Page     string // below the root, such as docs/helm.md
	Line     int    // of the opening fence, from 1
	Language string // after the opening fence
	Marker   string // what the comment on the line above says, without white space around it; "" without one
	Text     string // without the indentation of the fence; ends with a line break, unless it is empty

	indent string
}

// String is where it is.
func (b *Block) String() string { return fmt.Sprintf("%s:%d", b.Page, b.Line) }

// Pages returns the paths of the pages of the repository, which are below its root, sorted.
func Pages(root string) ([]string, error) {
	pages := []string{"CONTRIBUTING.md", "README.md", "SECURITY.md"}
	found, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("no pages in %s", filepath.Join(root, "docs"))
	}
	for _, page := range found {
		pages = append(pages, "docs/"+filepath.Base(page))
	}
	slices.Sort(pages)
	return pages, err
}

// Blocks reads the blocks of all pages, in the order of Pages and of the text.
func Blocks(root string) ([]*Block, error) {
	pages, err := Pages(root)
	if err != nil {
		return nil, err
	}
	var blocks []*Block
	for _, page := range pages {
		text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(page)))
		if err != nil {
			return nil, fmt.Errorf("read a page: %w", err)
		}
		blocks = append(blocks, blocksOf(page, string(text))...)
	}
	return blocks, nil
}

var (
	fence   = regexp.MustCompile("^( *)(```+)([a-z]*)\\s*$")
	comment = regexp.MustCompile(`^ *<!--\s*(.*?)\s*-->\s*$`)
)

// blocksOf reads the blocks of one page. One that is not closed ends with the page.
func blocksOf(page, text string) (blocks []*Block) {
	var open *Block
	var end, before string // of the open block; the line before this one
	number := 0
	for line := range strings.Lines(text) {
		number++
		bare := strings.TrimRight(line, "\n")
		switch match := fence.FindStringSubmatch(bare); {
		case open != nil && strings.TrimSpace(bare) == end:
			open = nil
		case open != nil:
			open.Text += strings.TrimPrefix(line, open.indent)
		case match != nil:
			open = &Block{Page: page, Line: number, Language: match[3], indent: match[1]}
			if c := comment.FindStringSubmatch(before); c != nil {
				open.Marker = c[1]
			}
			end, blocks = match[2], append(blocks, open)
		}
		before = bare
	}
	return blocks
}

// Outside returns the lines of a page that are in no block, others being empty.
func Outside(text string) []string {
	lines := strings.Split(text, "\n")
	for _, b := range blocksOf("", text) {
		for i := b.Line - 1; i < min(len(lines), b.Line+1+strings.Count(b.Text, "\n")); i++ {
			lines[i] = ""
		}
	}
	return lines
}
