// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/term"

	"github.com/autowasm/autowasm/fetch/image"
)

// progressInterval is how often a line of progress is rewritten.
const progressInterval = 100 * time.Millisecond

// moduleReport is the output as JSON or YAML on a module that was pushed, pulled or inspected.
type moduleReport struct {
	// Reference of the image by its digest.
	Reference string `json:"reference,omitempty"`
	// MediaType and Digest of the image's manifest.
	MediaType string `json:"mediaType,omitempty"`
	Digest    string `json:"digest,omitempty"`
	// Size of the module in bytes, and its sha256.
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
	// Location is the absolute path of the file that was written.
	Location string `json:"location,omitempty"`
	// Format is the image's shape.
	Format string `json:"format,omitempty"`
	// ABI is the version of the Proxy-Wasm ABI.
	ABI string `json:"abi,omitempty"`
}

// report describes a module of the image.
func (a *artifact) report(m *localModule) moduleReport {
	return moduleReport{
		Reference: a.reference,
		MediaType: string(a.descriptor.MediaType),
		Digest:    a.descriptor.Digest.String(),
		Size:      m.size,
		SHA256:    m.sha256,
		Format:    string(image.ShapeOf(a.manifest)),
		ABI:       m.description.ABI,
	}
}

func printJSON(w io.Writer, report any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(report)
}

// oneLine puts a message on one line, and escapes what a terminal would obey: it may quote a registry.
func oneLine(message string) string {
	lines := strings.FieldsFunc(message, func(r rune) bool { return r == '\n' || r == '\r' })
	return printable(strings.Join(lines, " "))
}

// printable escapes what a terminal would obey.
func printable(s string) string {
	var out strings.Builder
	for _, r := range s {
		if strconv.IsPrint(r) {
			out.WriteRune(r)
		} else {
			out.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
	}
	return out.String()
}

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// separator sets off one output of a command that watches from the next: it clears a terminal, and is an empty line elsewhere.
func separator(w io.Writer) string {
	if isTerminal(w) {
		return "\033[H\033[2J"
	}
	return "\n"
}

// progress rewrites one line with how many bytes have been transferred. It is an io.Writer that counts.
type progress struct {
	w        io.Writer // nil when there is no terminal
	verb     string
	complete int64
	total    int64 // 0 when not known
	next     time.Time
	shown    bool
}

// newProgress returns a progress that shows itself only on a terminal.
func newProgress(w io.Writer, verb string) *progress {
	if !isTerminal(w) {
		w = nil
	}
	return &progress{w: w, verb: verb}
}

// Write counts what has been transferred.
func (p *progress) Write(b []byte) (int, error) {
	p.show(p.complete+int64(len(b)), p.total)
	return len(b), nil
}

func (p *progress) show(complete, total int64) {
	p.complete, p.total = complete, total
	if now := time.Now(); p.w != nil && now.After(p.next) {
		p.next, p.shown = now.Add(progressInterval), true
		fmt.Fprintf(p.w, "\r\033[K%s %s", p.verb, p.amount())
	}
}

func (p *progress) amount() string {
	const mib = 1 << 20
	if p.total <= 0 {
		return fmt.Sprintf("%.1f MiB", float64(p.complete)/mib)
	}
	return fmt.Sprintf("%.1f of %.1f MiB", float64(p.complete)/mib, float64(p.total)/mib)
}

// clear removes the line.
func (p *progress) clear() {
	if p.shown {
		fmt.Fprint(p.w, "\r\033[K")
	}
}

// follow shows the updates of a push, and returns when the push has ended. push may close the channel of its updates.
func (p *progress) follow(push func(chan<- v1.Update) error) error {
	defer p.clear()
	updates, pushed := make(chan v1.Update), make(chan error, 1)
	go func() { pushed <- push(updates) }()
	open := updates
	for {
		select {
		case update, ok := <-open:
			if !ok {
				open = nil
				continue
			}
			p.show(update.Complete, update.Total)
		case err := <-pushed:
			return err
		}
	}
}
