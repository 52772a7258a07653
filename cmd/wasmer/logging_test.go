// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"k8s.io/klog/v2"

	"github.com/autowasm/autowasm/certs"
	"github.com/autowasm/autowasm/internal/buffertest"
	"github.com/autowasm/autowasm/trial"
)

// testLogs is where all tests log to: the loggers of a process can be set once.
var testLogs = &buffertest.Buffer{}

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == trial.Argument { // as main does
		tryModule()
		return
	}
	setLogger(logInfo, logJSON, testLogs)
	os.Exit(m.Run())
}

// logged returns what is logged meanwhile, each line of which must be JSON.
func logged(t *testing.T, do func()) []map[string]any {
	t.Helper()
	testLogs.Take()
	do()
	return parseLogs(t, testLogs.Take())
}

func parseLogs(t *testing.T, text string) (lines []map[string]any) {
	t.Helper()
	for line := range strings.Lines(text) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Errorf("no JSON: %s", line)
			continue
		}
		lines = append(lines, fields)
	}
	return lines
}

// TestOtherLoggersLogJSON: those that dependencies use.
func TestOtherLoggersLogJSON(t *testing.T) {
	lines := logged(t, func() {
		log.Print("of the standard library")
		slog.Info("structured", "key", "value")
		klog.Info("of client-go")
		klog.InfoS("of client-go, structured", "key", "value")
	})
	var messages []string
	for _, line := range lines {
		messages = append(messages, fmt.Sprint(line["msg"]))
	}
	if got := strings.Join(messages, ", "); got != "of the standard library, structured, of client-go, of client-go, structured" {
		t.Errorf("logged %q", got)
	}
}

// TestLogFlags: which lines there are, and what they look like.
func TestLogFlags(t *testing.T) {
	const timestamp = `\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S+`
	tests := []struct {
		level, format string
		want          []string
	}{
		{logError, logJSON, []string{`{"level":"error","ts":"` + timestamp + `","msg":"failed","err":"broken",.*}`}},
		{logInfo, logJSON, []string{`{"level":"info","ts":"` + timestamp + `","msg":"happens","key":"value"}`, `{"level":"error",.*}`}},
		{logDebug, logJSON, []string{`{"level":"debug",.*}`, `{"level":"info",.*}`, `{"level":"error",.*}`}},
		{logInfo, logText, []string{timestamp + `\tINFO\thappens\t{"key": "value"}`, timestamp + `\tERROR\tfailed\t{"err": "broken"}\n.*`}},
	}
	for _, tt := range tests {
		t.Run(tt.level+" "+tt.format, func(t *testing.T) {
			written := &buffertest.Buffer{}
			logger := newLogger(tt.level, tt.format, written)
			logger.V(1).Info("details")
			logger.Info("happens", "key", "value")
			logger.Error(errors.New("broken"), "failed")
			want := regexp.MustCompile(`(?s)^` + strings.Join(tt.want, "\n") + `\n$`)
			if got := written.Take(); !want.MatchString(got) {
				t.Errorf("logged\n%swant\n%s", got, want)
			}
		})
	}
}

// TestFailedHandshakesLogJSON: a port scan of the webhook server is logged by net/http.
func TestFailedHandshakesLogJSON(t *testing.T) {
	dir, authority := t.TempDir(), newAuthority(t)
	authority.writeServer(t, dir)
	source, err := certs.Files(certs.FilesOptions{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	url := startWebhookServer(t, &options{webhook: true, webhookHost: "127.0.0.1", webhookPort: freePort(t)}, source)
	testLogs.Take()
	address, _, _ := strings.Cut(strings.TrimPrefix(url, "https://"), "/")
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(conn, "GET / HTTP/1.0\r\n\r\n")
	conn.Close()
	var text string
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for !strings.Contains(text, "TLS handshake error") && ctx.Err() == nil {
		time.Sleep(10 * time.Millisecond)
		text += testLogs.Take()
	}
	if lines := parseLogs(t, text); len(lines) != 1 || !strings.Contains(fmt.Sprint(lines[0]["msg"]), "TLS handshake error") {
		t.Errorf("logged %s", text)
	}
}
