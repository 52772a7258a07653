// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// How long what a reader takes in at once may be, in words, and how often a page says "you" at least.
const (
	longestSentence  = 35
	longestParagraph = 120
	wordsPerYou      = 300
)

// A rule is what the Kubernetes documentation's style guide asks for, as far as a program can tell.
type rule struct {
	name  string
	finds *regexp.Regexp
	write string // what to write instead
	wrong string // a sentence that breaks it
}

// agents are who does something on these pages: a sentence says so with them as its subject.
const agents = `(wasmer|wasmc|istiod|Istio|Envoy|kubectl|Helm|Kubernetes|cert-manager|cainjector|Argo CD|Flux|kustomize|you|users|somebody|` +
	`the (server|webhook|webhooks|controller|leader|proxy|proxies|API server|kubelet|module server|user|replica|registry|operator))\b`

// everywhere are the rules for all pages, decisions and the changelog too.
var everywhere = []rule{
	{"Latin", regexp.MustCompile(`(?i)(\b(e\.g\.|i\.e\.|cf\.|viz\.)|\b(etc|via|vs|versus|per se|ad hoc|vice versa)\b)`),
		`English, such as "for example", "that is", "through" or "by"`, "Install it via Helm."},
	{"politeness", regexp.MustCompile(`(?i)\bplease\b`), "the sentence without it", "Please install Helm."},
	{"name", regexp.MustCompile(`\b([kK]8s([^.]|$)|(kubernetes|istio|Istiod|envoy|WASM|webassembly|Webassembly|Github|github|autowasm|Autowasm|Wasmer|Wasmc)\b)`),
		"Kubernetes, Istio, istiod, Envoy, Wasm, WebAssembly, GitHub, AutoWasm, wasmer, wasmc", "A WASM filter."},
}

// forReaders are the rules for pages that users read.
var forReaders = []rule{
	{"we", regexp.MustCompile(`\b([Ww]e|[Oo]urs?|us|[Ll]et's)\b`), `"you", or the program that does it`, "We recommend Helm."},
	{"future", regexp.MustCompile(`\b([Ww]ill|[Ss]hall|won't)\b`), "the present tense", "This command will start a proxy."},
	{"passive", regexp.MustCompile(`(?i)\b(is|are|was|were|be|been|being) (\w+ )?(\w+ed|written|read|made|sent|known|seen|found|kept|taken|given|put|set|drawn|run|held|built|shown) by ` + agents),
		"who does it first, in active voice", "The filter is removed by wasmer."},
	{"difficulty", regexp.MustCompile(`(?i)\b(simply|just|easy|easily|simple|obviously|of course|trivial|trivially)\b`),
		"the sentence without it: what is easy to you may not be to the reader", "Simply run Helm."},
	{"wordiness", regexp.MustCompile(`(?i)\b(in order to|due to the fact|the fact that|in the event|make use of|makes use of|is able to|are able to|prior to|utili[sz]e|at this point in time|whilst|thereof|therein|wherein|herein|so as to|as to whether|it is possible to|there is no need to|in terms of|with regard to)\b`),
		`a short word: "to", "because", "if", "use", "can", "before", "while"`, "In order to install it, run Helm."},
	{"idiom", regexp.MustCompile(`(?i)\b(looked at|is told|are told|was told|is heard|are heard|told apart|all the same|goes the whole way|for good and all|along with it|takes? them along|brings? it along|by hand of)\b`),
		`plain words that a reader without much English knows: "checks", "reports", "anyway"`, "A proxy is looked at twice."},
	{"API object", regexp.MustCompile(`\b(pods?|configmaps?|config maps?|daemonsets?|serviceaccounts?|envoyfilters?|autowasms?|wasmplugins?|networkpolic(y|ies)|namespaces? scoped)\b`),
		"the kind as its manifest has it, such as Pod or ConfigMap", "Restart the pod."},
	{"unkind word", regexp.MustCompile(`(?i)\b(whitelist|blacklist|slave|sanity|dummy)\w*\b`), `"allow list", "deny list", "replica", "check"`, "Add it to the whitelist."},
	{"exclamation mark", regexp.MustCompile(`!`), "a full stop", "It runs!"},
	{"position", regexp.MustCompile(`(?i)\b(see (above|below)|(the|this) (table|section|example|list|paragraph)s? (above|below)|as above|click here)\b`),
		"a link, or the following or previous table", "See above."},
}

// proper are words that headings have with a capital letter wherever they stand.
var proper = regexp.MustCompile(`^(AutoWasm|AutoWasms|Kubernetes|Istio|Istio's|Envoy|EnvoyFilter|Helm|WasmPlugin|TrafficExtension|ConfigMap|FilterDeployment|GitOps|` +
	`Flux|Argo|Google's|API|Events|Pods|Pod|Synced|Unauthorized|Component|[A-Z][A-Z]+|[A-Z][a-z]+([A-Z][A-Za-z]*)+)$`)

// readersPages are those that users and contributors read; the others have everywhere's rules alone.
func readersPages(t *testing.T) []string {
	t.Helper()
	return append(glob(t, "*.md"), "../README.md", "../CONTRIBUTING.md", "../SECURITY.md")
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
		complaints = append(complaints, speaksToNobody(found)...)
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

// speaksToNobody is about a page that has hardly a "you" on it. A sentence in the imperative addresses the reader too, and so do few
// words: a page of less than wordsPerYou has to have one "you" all the same.
func speaksToNobody(found []passage) []string {
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

// tooLong is about sentences and paragraphs that nobody reads to their end.
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

// TestEveryPageIsInTheIndex: a page that nobody finds is not read.
func TestEveryPageIsInTheIndex(t *testing.T) {
	index, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range glob(t, "*.md") {
		if page != "README.md" && !strings.Contains(string(index), "]("+page) {
			t.Errorf("docs/README.md does not lead to %s", page)
		}
	}
}
