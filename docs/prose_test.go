// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"bytes"
	"regexp"
	"sort"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	tables "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"
)

// code stands for what is in code font, which the rules do not apply to.
const code = "`…`"

// A passage is a heading, a paragraph, an item of a list or a cell of a table, without its markup.
type passage struct {
	heading bool
	text    string
	source  []byte
	pieces  []piece
}

// A piece of a passage's text, from an offset of its own on, is in the source at another.
type piece struct{ at, source int }

// passages returns those of a page in Markdown. Blocks of code and HTML are none.
func passages(source []byte) (found []passage) {
	document := goldmark.New(goldmark.WithExtensions(extension.Table)).Parser().Parse(text.NewReader(source))
	_ = ast.Walk(document, func(node ast.Node, entering bool) (ast.WalkStatus, error) {
		switch node.(type) {
		case *ast.Heading, *ast.Paragraph, *ast.TextBlock, *tables.TableCell:
			if entering {
				found = append(found, passageOf(node, source))
			}
			return ast.WalkSkipChildren, nil
		}
		return ast.WalkContinue, nil
	})
	return found
}

func passageOf(block ast.Node, source []byte) passage {
	p := passage{source: source, heading: block.Kind() == ast.KindHeading}
	var out strings.Builder
	_ = ast.Walk(block, func(node ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch node := node.(type) {
		case *ast.CodeSpan, *ast.AutoLink:
			out.WriteString(code)
			return ast.WalkSkipChildren, nil
		case *ast.Text:
			p.pieces = append(p.pieces, piece{out.Len(), node.Segment.Start})
			out.Write(node.Segment.Value(source))
			if node.SoftLineBreak() || node.HardLineBreak() {
				out.WriteByte(' ')
			}
		}
		return ast.WalkContinue, nil
	})
	p.text = out.String()
	return p
}

// line returns the line of the page on which an offset of the passage's text is.
func (p passage) line(at int) int {
	i := sort.Search(len(p.pieces), func(i int) bool { return p.pieces[i].at > at })
	if i == 0 {
		return 0
	}
	begin := p.pieces[i-1]
	return 1 + bytes.Count(p.source[:begin.source+at-begin.at], []byte("\n"))
}

// end is where a sentence ends: a colon or a semicolon does not end one.
var end = regexp.MustCompile("[.!?][)*\"]*(\\s+|$)")

// sentences returns those of the passage by their offsets.
func (p passage) sentences() map[int]string {
	found := map[int]string{}
	begin := 0
	for _, match := range append(end.FindAllStringIndex(p.text, -1), []int{0, len(p.text)}) {
		if sentence := p.text[begin:match[1]]; strings.TrimSpace(sentence) != "" {
			found[begin] = strings.TrimSpace(sentence)
		}
		begin = match[1]
	}
	return found
}

var word = regexp.MustCompile("[\\pL\\pN`][^\\s]*")

// words counts the words of a text; punctuation between spaces is none.
func words(text string) int { return len(word.FindAllString(text, -1)) }
