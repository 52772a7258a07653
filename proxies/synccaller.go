// SPDX-License-Identifier: Apache-2.0

package proxies

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"google.golang.org/protobuf/encoding/protowire"
)

const (
	// xdsPath is the method that istiod serves xDS by, over gRPC.
	xdsPath = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources"
	// debugType is the type of requests for istiod's debug pages, as istioctl sends them, by the name of the page.
	debugType = "istio.io/debug"
	// syncPage shows what istiod has sent to its proxies and what they accepted.
	syncPage = "syncz"
	// nodeID is how wasmer names itself, in a namespace that must be its token's. istiod's sync status has it, without
	// listeners.
	nodeID = "sidecar~127.0.0.1~wasmer~%s.svc.cluster.local"
)

// syncCaller reads the sync status of replicas of istiod. It may be used concurrently; close it after use.
//
// It makes the one gRPC request itself: gRPC's own library would make wasmer's binary two thirds larger, and hold an
// answer of 30 MB, as there is of 20,000 proxies, three times.
type syncCaller struct {
	client    *http.Client
	token     string
	namespace string // of the token
}

func newSyncCaller(config *tls.Config, token, namespace string) syncCaller {
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	return syncCaller{token: token, namespace: namespace, client: &http.Client{
		// No proxy, and no connections that are kept: istiod's replicas come and go.
		Transport: &http.Transport{
			TLSClientConfig: config, Protocols: protocols, MaxResponseHeaderBytes: 64 << 10, DisableKeepAlives: true,
		},
		CheckRedirect: refuseRedirect,
	}}
}

func (c syncCaller) close() { c.client.CloseIdleConnections() }

// call adds what the replica at an address, host:port, answers to a status. The token is sent over TLS alone.
func (c syncCaller) call(ctx context.Context, address string, into syncStatus) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the stream
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+address+xdsPath, newOpenBody(syncRequest(c.namespace)))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	request.Header.Set("Content-Type", "application/grpc")
	request.Header.Set("TE", "trailers")
	response, err := c.client.Do(request)
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err // the URL is long, and the caller names its host
	}
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // only read
	return readResponse(response, into)
}

func readResponse(response *http.Response, into syncStatus) error {
	if response.StatusCode != http.StatusOK || !strings.HasPrefix(response.Header.Get("Content-Type"), "application/grpc") {
		return fmt.Errorf("it answered %s, without gRPC", response.Status)
	}
	if err := grpcError(response.Header); err != nil {
		return err
	}
	body := bufio.NewReader(response.Body)
	err := readPrefix(body)
	if ended := grpcError(response.Trailer); ended != nil {
		return ended
	}
	if err != nil {
		return err
	}
	return readSync(body, into)
}

// grpcError is the error that a header, or a trailer, says that a call ended with.
func grpcError(header http.Header) error {
	status := header.Get("Grpc-Status")
	if status == "" || status == "0" {
		return nil
	}
	message := header.Get("Grpc-Message")
	if plain, err := url.PathUnescape(message); err == nil {
		message = plain
	}
	return fmt.Errorf("it answered with gRPC status %.20s: %s", status, oneLine(message))
}

// readPrefix reads what is before each message: whether it is compressed, which was not offered, and its length.
func readPrefix(body io.Reader) error {
	var prefix [5]byte
	if _, err := io.ReadFull(body, prefix[:]); err != nil {
		return err
	}
	if size := binary.BigEndian.Uint32(prefix[1:]); prefix[0] != 0 || size > maxSync {
		return fmt.Errorf("a message of %d bytes, compression %d", size, prefix[0])
	}
	return nil
}

// syncRequest is a DiscoveryRequest for the sync status, with its prefix.
func syncRequest(namespace string) []byte {
	var node, message []byte
	node = appendString(node, 1, fmt.Sprintf(nodeID, namespace)) // Node.id
	message = protowire.AppendBytes(protowire.AppendTag(message, 2, protowire.BytesType), node)
	message = appendString(message, 3, syncPage)  // resource_names
	message = appendString(message, 4, debugType) // type_url
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)
}

func appendString(message []byte, field protowire.Number, value string) []byte {
	return protowire.AppendString(protowire.AppendTag(message, field, protowire.BytesType), value)
}

// openBody does not end before it is closed: a stream whose client has ended it may have no answer any more.
type openBody struct {
	content *bytes.Reader
	close   func()
	done    chan struct{}
}

func newOpenBody(content []byte) openBody {
	done := make(chan struct{})
	return openBody{content: bytes.NewReader(content), done: done, close: sync.OnceFunc(func() { close(done) })}
}

func (b openBody) Read(p []byte) (int, error) {
	if b.content.Len() == 0 {
		<-b.done
	}
	return b.content.Read(p)
}

// Close implements io.Closer.
func (b openBody) Close() error { b.close(); return nil }
