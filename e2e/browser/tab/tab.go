// SPDX-License-Identifier: Apache-2.0

package tab

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience is how long a test waits for what should come.
const patience = time.Minute

// Tab is one of a browser. Its methods fail the test when the browser does not do what they say.
type Tab struct {
	testing.TB
	ctx context.Context

	mu       sync.Mutex
	problems []string // of the console
	expected []string // words of others
}

// Open opens a page in a tab of its own, which is closed with the test. What its console has of errors fails the test.
func Open(t testing.TB, browser context.Context, url string) *Tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser)
	t.Cleanup(cancel)
	tab := &Tab{TB: t, ctx: ctx}
	if err := chromedp.Do(ctx); err != nil { // the tab lasts as long as the context of what is done first
		t.Fatalf("open a tab: %v", err)
	}
	tab.Do(chromedp.EmulateViewport(1280, 800))
	if err := chromedp.Listen(ctx, tab.listen); err != nil {
		t.Fatal(err)
	}
	tab.Do(chromedp.Navigate(url))
	t.Cleanup(func() {
		tab.mu.Lock()
		defer tab.mu.Unlock()
		if problems := slices.DeleteFunc(tab.problems, tab.isExpected); len(problems) > 0 {
			t.Errorf("the console has %q", problems)
		}
	})
	return tab
}

func (t *Tab) listen(event any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		t.problems = append(t.problems, fmt.Sprint(e.ExceptionDetails.Text, e.ExceptionDetails.Exception))
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError {
			t.problems = append(t.problems, e.Entry.Text)
		}
	}
}

// Expect has errors of the console with one of these words be none.
func (t *Tab) Expect(words ...string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.expected = append(t.expected, words...)
}

func (t *Tab) isExpected(problem string) bool {
	return slices.ContainsFunc(t.expected, func(word string) bool { return strings.Contains(problem, word) })
}

// Do has the browser do something.
func (t *Tab) Do(actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		t.Fatal(err)
	}
}

// Call calls a command of the DevTools protocol.
func Call[P, R any](t *Tab, command cdp.Command[P, R], params P) R {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	result, err := chromedp.Call(ctx, command, params)
	if err != nil {
		t.Fatalf("%s: %v", command.Method, err)
	}
	return result
}

// Press presses keys, one after the other. What a key writes is written unless the page prevents that, as with a keyboard.
func (t *Tab) Press(keys ...string) {
	t.Helper()
	for _, key := range keys {
		if key >= " " && key <= "~" {
			down := input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyDown, Key: key, Text: key}
			Call(t, input.DispatchKeyEvent, down)
			Call(t, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyUp, Key: key})
			continue
		}
		t.Do(chromedp.KeyEvent(key))
	}
}

// Evaluate returns the value of a JavaScript expression, or what the promise that it is comes to.
func Evaluate[T any](t *Tab, expression string) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("evaluate %s: %v", expression, err)
	}
	return value
}

// Text is the visible text of the first element of a selector, on one line, "" when there is none.
func (t *Tab) Text(selector string) string {
	t.Helper()
	return strings.Join(strings.Fields(Evaluate[string](t, fmt.Sprintf("document.querySelector(%s)?.innerText ?? ''", Quote(selector)))), " ")
}

// Await waits until an element of a selector has these words.
func (t *Tab) Await(selector string, words ...string) {
	t.Helper()
	var last string
	for began := time.Now(); time.Since(began) < patience; time.Sleep(20 * time.Millisecond) {
		if last = t.Text(selector); last != "" && containsAll(last, words) {
			return
		}
	}
	t.Fatalf("%s has %q, want %q", selector, last, words)
}

// containsAll reports whether a text has all of some words.
func containsAll(text string, words []string) bool {
	for _, word := range words {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

// Focused describes the element that has the focus.
func (t *Tab) Focused() string {
	t.Helper()
	return Evaluate[string](t, `(({tagName, role, ariaLabel}) => [tagName.toLowerCase(), role ?? '', ariaLabel ?? ''].filter(Boolean).join(' '))(document.activeElement)`)
}

// Prefer has the browser say that the user prefers something, such as prefers-color-scheme: dark.
func (t *Tab) Prefer(feature, value string) {
	t.Helper()
	Call(t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: feature, Value: value}}})
}

// Shoot keeps a screenshot of what is in sight in a file.
func (t *Tab) Shoot(path string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	image, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, image, 0o644); err != nil {
		t.Fatal(err)
	}
}

// Quote returns a text as JavaScript has it.
func Quote(text string) string {
	quoted, _ := json.Marshal(text)
	return string(quoted)
}
