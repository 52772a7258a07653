// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/autowasm/autowasm/internal/doctest"
)

// readersPages are the paths, from this directory, of the pages that users and contributors read. The others have
// everywhere's rules alone.
func readersPages(t *testing.T) []string {
	t.Helper()
	pages, err := doctest.Pages("..")
	if err != nil {
		t.Fatal(err)
	}
	for i, page := range pages {
		if pages[i], err = filepath.Rel("docs", page); err != nil {
			t.Fatal(err)
		}
	}
	return pages
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) == 0 {
		t.Fatalf("no pages %s: %v", pattern, err)
	}
	return found
}

// TestPagesAreInPlainEnglish holds the documentation to the style guide of Kubernetes' documentation
// (https://kubernetes.io/docs/contribute/style/style-guide/).
func TestPagesAreInPlainEnglish(t *testing.T) {
	readers := readersPages(t)
	for _, page := range slices.Concat(readers, glob(t, "decisions/*.md"), []string{"../CHANGELOG.md"}) {
		for _, complaint := range review([]byte(read(t, page)), slices.Contains(readers, page)) {
			t.Errorf("docs/%s:%s", page, complaint)
		}
	}
}

// review returns what breaks the rules, each with its line and what to write instead.
func review(source []byte, forUsers bool) (complaints []string) {
	found := passages(source)
	rules := everywhere
	if forUsers {
		rules = slices.Concat(everywhere, forReaders)
		complaints = append(complaints, tooFewYous(found)...)
	}
	for _, p := range found {
		for _, r := range rules {
			for _, match := range r.finds.FindAllStringIndex(p.text, -1) {
				complaints = append(complaints, fmt.Sprintf("%d: %s: %q: write %s", p.line(match[0]), r.name, p.text[match[0]:match[1]], r.write))
			}
		}
		if forUsers {
			complaints = append(complaints, slices.Concat(tooLong(p), titleCase(p))...)
		}
	}
	return complaints
}

// tooFewYous is about a page that addresses its reader too rarely: "you" is due once for each wordsPerYou, and at least once.
func tooFewYous(found []passage) []string {
	all, you := 0, 0
	for _, p := range found {
		all += words(p.text)
		you += len(regexp.MustCompile(`(?i)\b(you|your|yourself)\b`).FindAllString(p.text, -1))
	}
	if least := 1 + all/wordsPerYou; you < least {
		return []string{fmt.Sprintf("1: reader: \"you\" is %d times in %d words: write to the reader, %d times at least", you, all, least)}
	}
	return nil
}

// tooLong is about sentences and paragraphs with more words than the longest may have.
func tooLong(p passage) (complaints []string) {
	for at, sentence := range p.sentences() {
		if n := words(sentence); n > longestSentence {
			complaints = append(complaints, fmt.Sprintf("%d: length: a sentence of %d words: write %d at most: %.60s…", p.line(at), n, longestSentence, sentence))
		}
	}
	if n := words(p.text); n > longestParagraph {
		complaints = append(complaints, fmt.Sprintf("%d: length: a paragraph of %d words: write %d at most, or a list", p.line(0), n, longestParagraph))
	}
	return complaints
}

// titleCase is about headings: a capital letter is for the first word and for names, and nothing is at the end.
func titleCase(p passage) (complaints []string) {
	if !p.heading {
		return nil
	}
	for i, word := range strings.FieldsFunc(p.text, func(r rune) bool { return strings.ContainsRune(" ,()", r) }) {
		if i > 0 && regexp.MustCompile(`^[A-Z]`).MatchString(word) && !proper.MatchString(word) {
			complaints = append(complaints, fmt.Sprintf("%d: heading: %q: write it in sentence case", p.line(0), word))
		}
	}
	if strings.ContainsAny(p.text[max(0, len(p.text)-1):], ".:!") {
		complaints = append(complaints, fmt.Sprintf("%d: heading: %q: write no punctuation at its end", p.line(0), p.text))
	}
	return complaints
}

// TestEachRuleFindsItsSentence, and passes what is right.
func TestEachRuleFindsItsSentence(t *testing.T) {
	for _, r := range slices.Concat(everywhere, forReaders) {
		t.Run(r.name, func(t *testing.T) { expect(t, "You can: "+r.wrong, r.name) })
	}
	long := strings.Repeat("word ", longestSentence)
	expect(t, "You see a "+long+"here.", "length")
	expect(t, "You see.\n\n"+strings.Repeat("You see six words in this. ", 21), "length")
	expect(t, "## Configure the Proxies\n\nYou do.", "heading")
	expect(t, "## Configure:\n\nYou do.", "heading")
	expect(t, "The page has no reader.", "reader")
	expect(t, "| you | b |\n|---|---|\n| c | Please. |", "politeness")
	expect(t, "- Run `x`.\n- You can install it\n  via Helm.", "Latin")
	for _, right := range []string{
		"If a proxy has ever rejected a configuration, wasmer checks it twice before counting it. You need not.",
		"You see `the pod will be removed by wasmer via etc, please!`.",
		"You run it:\n\n```\nplease, we will just use etc.\n```\n",
		"## Configure Istio's WasmPlugin\n\nYou do.",
	} {
		if complaints := review([]byte(right), true); complaints != nil {
			t.Errorf("%s\nis right: %v", right, complaints)
		}
	}
}

func expect(t *testing.T, source, name string) {
	t.Helper()
	complaints := review([]byte(source), true)
	if len(complaints) != 1 || !strings.Contains(complaints[0], ": "+name+":") {
		t.Errorf("%s\nis wrong by %q alone, got %q", source, name, complaints)
	}
}

// TestLinesAreThoseOfThePage: a complaint leads to its place, in a paragraph of several lines and after a table.
func TestLinesAreThoseOfThePage(t *testing.T) {
	page := "# You\n\nA `code`\nline, and [a\nlink](x) via\nHelm.\n\n| a | b |\n|---|---|\n| c | `d` via |\n"
	var lines []string
	for _, complaint := range review([]byte(page), true) {
		line, _, _ := strings.Cut(complaint, ":")
		lines = append(lines, line)
	}
	if !slices.Equal(lines, []string{"5", "10"}) {
		t.Errorf("the lines are 5 and 10, got %v", lines)
	}
}

// TestEveryPageIsInTheIndex: readers find a page by the links of docs/README.md.
func TestEveryPageIsInTheIndex(t *testing.T) {
	index := read(t, "README.md")
	for _, page := range glob(t, "*.md") {
		if page != "README.md" && !strings.Contains(index, "]("+page) {
			t.Errorf("docs/README.md does not lead to %s", page)
		}
	}
}
