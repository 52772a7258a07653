// SPDX-License-Identifier: Apache-2.0

package doctest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// updating is held while a page is written: tests that run at the same time may update one page.
var updating sync.Mutex

// update writes what the command of this index in its block prints into the page, in place of what is there.
func (o *output) update(root string, index int, got string) error {
	updating.Lock()
	defer updating.Unlock()
	path := filepath.Join(root, filepath.FromSlash(o.block.Page))
	page, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("update a page: %w", err)
	}
	if got != "" && !strings.HasSuffix(got, "\n") {
		got += "\n"
	}
	former := o.block.Text
	o.block.Text = got
	if o.block.Language == "console" {
		o.block.Text = withOutput(former, index, got)
	}
	changed := strings.Replace(string(page), o.block.indented(former), o.block.indented(o.block.Text), 1)
	o.text = got
	return os.WriteFile(path, []byte(changed), 0o644)
}

// withOutput is the text of a console in which the command of an index prints something else.
func withOutput(console string, index int, got string) string {
	var text strings.Builder
	for i, c := range commandsOf(&Block{Text: console}) {
		text.WriteString(prompt + c.command)
		if i == index {
			text.WriteString(got)
		} else {
			text.WriteString(c.want.text)
		}
	}
	return text.String()
}

// indented is a text as the page has it, between the fences of this block.
func (b *Block) indented(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		out.WriteString(b.indent + line)
	}
	return out.String() + b.indent + "```"
}
