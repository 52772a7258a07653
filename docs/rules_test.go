// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"regexp"
	"strings"
)

// Limits in words: of a sentence, of a paragraph, and of the text on a page for each "you".
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

// everywhere are the rules for all pages, decisions and the changelog too.
var everywhere = []rule{{
	"Latin", regexp.MustCompile(`(?i)(\b(e\.g\.|i\.e\.|cf\.|viz\.)|\b(etc|via|vs|versus|per se|ad hoc|vice versa)\b)`),
	`English, such as "for example", "that is", "through" or "by"`, "Install it via Helm.",
}, {
	"politeness", phrases("please"), "the sentence without it", "Please install Helm.",
}, {
	"name", regexp.MustCompile(`\b([kK]8s([^.]|$)|(kubernetes|istio|Istiod|envoy|WASM|[wW]ebassembly|[gG]ithub|[aA]utowasm|Wasmer|Wasmc)\b)`),
	"Kubernetes, Istio, istiod, Envoy, Wasm, WebAssembly, GitHub, AutoWasm, wasmer, wasmc", "A WASM filter.",
}}

// forReaders are the rules for pages that users read.
var forReaders = []rule{{
	"we", regexp.MustCompile(`\b([Ww]e|[Oo]urs?|us|[Ll]et's)\b`), `"you", or the program that does it`, "We recommend Helm.",
}, {
	"future", regexp.MustCompile(`\b([Ww]ill|[Ss]hall|won't)\b`), "the present tense", "This command will start a proxy.",
}, {
	"passive", regexp.MustCompile(`(?i)\b(is|are|was|were|be|been|being) (\w+ )?` + participles + ` by ` + agents + `\b`),
	"who does it first, in active voice", "The filter is removed by wasmer.",
}, {
	"difficulty", phrases("simply", "just", "easy", "easily", "simple", "obviously", "of course", "trivial", "trivially"),
	"the sentence without it: what is easy to you may not be to the reader", "Simply run Helm.",
}, {
	"wordiness", phrases("in order to", "due to the fact", "the fact that", "in the event", "makes? use of", "(is|are) able to", "prior to",
		"utili[sz]e", "at this point in time", "whilst", "thereof", "(there|where|here)in", "so as to", "as to whether", "it is possible to",
		"there is no need to", "in terms of", "with regard to"),
	`a short word: "to", "because", "if", "use", "can", "before", "while"`, "In order to install it, run Helm.",
}, {
	"idiom", phrases("looked at", "(is|are|was|were) (told|heard)", "told apart", "all the same", "goes the whole way"),
	`plain words that a reader without much English knows: "checks", "reports", "anyway"`, "A proxy is looked at twice.",
}, {
	"API object", regexp.MustCompile(`\b(pods?|config ?maps?|daemonsets?|serviceaccounts?|envoyfilters?|wasmplugins?|networkpolic(y|ies))\b`),
	"the kind as its manifest has it, such as Pod or ConfigMap", "Restart the pod.",
}, {
	"unkind word", regexp.MustCompile(`(?i)\b(whitelist|blacklist|slave|sanity|dummy)\w*\b`),
	`"allow list", "deny list", "replica", "check"`, "Add it to the whitelist.",
}, {
	"exclamation mark", regexp.MustCompile(`!`), "a full stop", "It runs!",
}, {
	"position", phrases("see (above|below)", "(the|this) (table|section|example|list|paragraph)s? (above|below)", "as above", "click here"),
	"a link, or the following or previous table", "See above.",
}}

// phrases finds each of them, in whatever case its letters are.
func phrases(of ...string) *regexp.Regexp {
	return regexp.MustCompile(`(?i)\b(` + strings.Join(of, "|") + `)\b`)
}

// agents are who does something on these pages, and participles what they do: a sentence has the former as its subject.
const (
	agents = `(wasmer|wasmc|istiod|Istio|Envoy|kubectl|Helm|Kubernetes|cert-manager|cainjector|Argo CD|Flux|kustomize|you|users|somebody|` +
		`the (server|webhooks?|controller|leader|proxy|proxies|API server|kubelet|module server|user|replica|registry|operator))`
	participles = `(\w+ed|written|read|made|sent|known|seen|found|kept|taken|given|put|set|drawn|run|held|built|shown)`
)

// proper are words that headings have with a capital letter wherever they stand: names, abbreviations, kinds and reasons.
var proper = regexp.MustCompile(`^(Kubernetes|Istio|Istio's|Envoy|Helm|Flux|Argo|Google's|Events|Pods?|Synced|Unauthorized|Component|` +
	`[A-Z][A-Z]+|[A-Z][a-z]+([A-Z][A-Za-z]*)+)$`)
