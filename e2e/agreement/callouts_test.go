// SPDX-License-Identifier: Apache-2.0

package agreement

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"testing"

	"github.com/autowasm/autowasm/host"
)

// calledHTTP is what the upstream answers to a call.
func calledHTTP(headers []string, body string) string { return fmt.Sprintf("%q %q", headers, body) }

// outcome is how a server of gRPC answers a method: with initial metadata, a message unless it is empty, and a status.
type outcome struct {
	initial, message, text string
	status                 uint32
}

var methods = map[string]outcome{
	"Say":     {initial: "first", message: "pong"},
	"Refused": {status: 5, text: "not there"},
	"Late":    {initial: "first", status: 9, text: "too late"}, // after it had accepted
}

// startGRPC starts a server of gRPC without encryption.
func startGRPC(t *testing.T) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(serveGRPC))
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	t.Cleanup(server.Close)
	return server
}

func serveGRPC(w http.ResponseWriter, r *http.Request) {
	o, known := methods[path.Base(r.URL.Path)]
	if sent, err := io.ReadAll(r.Body); err != nil || !known || len(sent) == 0 {
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/grpc")
	if o.initial == "" {
		h.Set("Grpc-Status", fmt.Sprint(o.status))
		h.Set("Grpc-Message", o.text)
		return
	}
	h.Set("X-Initial", o.initial)
	w.WriteHeader(http.StatusOK)
	if o.message != "" {
		frame := append([]byte{0}, binary.BigEndian.AppendUint32(nil, uint32(len(o.message)))...)
		_, _ = w.Write(append(frame, o.message...))
	}
	h.Set(http.TrailerPrefix+"X-Trailing", "last")
	h.Set(http.TrailerPrefix+"Grpc-Status", fmt.Sprint(o.status))
	h.Set(http.TrailerPrefix+"Grpc-Message", o.text)
}

// answerAll answers what the filter called, as the servers do.
func answerAll(ctx context.Context, vm *host.VM) error {
	for _, c := range vm.Callouts() {
		answer := answerGRPC
		if c.Kind == host.HTTPCall {
			answer = answerHTTP
		}
		if err := answer(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

func answerHTTP(ctx context.Context, c *host.Callout) error {
	body := calledHTTP(c.Headers.Values("x-one"), string(c.Body))
	return c.Answer(ctx, host.CalloutResponse{Headers: host.Headers{{":status", "200"}}, Body: []byte(body)})
}

// answerGRPC is a server's answer. Of a call, a filter gets the message or the failure alone; of a stream metadata always, if
// only none.
func answerGRPC(ctx context.Context, c *host.Callout) error {
	o := methods[c.Method]
	switch {
	case c.Kind == host.GRPCCall && o.status == 0:
		return c.Receive(ctx, []byte(o.message))
	case c.Kind == host.GRPCCall:
		return c.Close(ctx, o.status, o.closing())
	}
	var initial, trailing host.Headers
	if o.initial != "" {
		initial, trailing = host.Headers{{"x-initial", o.initial}}, host.Headers{{"x-trailing", "last"}}
	}
	steps := []func() error{
		func() error { return c.ReceiveInitialMetadata(ctx, initial) },
		func() error { return c.Receive(ctx, []byte(o.message)) },
		func() error { return c.ReceiveTrailingMetadata(ctx, trailing) },
		func() error { return c.Close(ctx, o.status, o.closing()) },
	}
	if o.message == "" {
		steps = slices.Delete(steps, 1, 2)
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// closing is the message of the status, to which Envoy adds how the stream ended.
func (o outcome) closing() string {
	const details = "via_upstream"
	if o.text == "" {
		return details
	}
	return o.text + "{" + details + "}"
}
