// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// maxPeers bounds the peers that are asked for one module.
const maxPeers = 8

// connectTimeout is short: a peer is in the same cluster, or gone.
const connectTimeout = 2 * time.Second

// ErrNotFound says that a peer does not have the module either.
var ErrNotFound = errors.New("the peer does not have the module")

// Find returns the base URLs of the other replicas' module servers, such as "http://10.0.0.7:8081".
type Find func(ctx context.Context) ([]string, error)

// Client asks peers. Its methods may be called concurrently.
type Client struct {
	find Find
	http *http.Client
}

// NewClient makes a Client that finds the peers by find; nil means that there are none.
func NewClient(find Find) *Client {
	transport := &http.Transport{
		DialContext:            (&net.Dialer{Timeout: connectTimeout}).DialContext, // never through a proxy
		ResponseHeaderTimeout:  connectTimeout,
		DisableCompression:     true,
		MaxResponseHeaderBytes: 16 << 10,
		MaxConnsPerHost:        4,
		IdleConnTimeout:        10 * time.Second,
	}
	noRedirect := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{find: find, http: &http.Client{Transport: transport, CheckRedirect: noRedirect}}
}

// Peers returns the base URLs of the peers to ask, at most eight.
func (c *Client) Peers(ctx context.Context) ([]string, error) {
	if c.find == nil {
		return nil, nil
	}
	urls, err := c.find(ctx)
	return urls[:min(len(urls), maxPeers)], err
}

// Module streams a module from the peer at a base URL, unverified. ErrNotFound says that this peer lacks it.
func (c *Client) Module(ctx context.Context, base, sha256 string) (io.ReadCloser, error) {
	body, err := c.get(ctx, moduleURL(base, sha256))
	if err != nil {
		return nil, fmt.Errorf("get module %s from a peer: %w", sha256, err)
	}
	return body, nil
}

// accesses returns what the peer at a base URL has observed of a module's clients.
func (c *Client) accesses(ctx context.Context, base, sha256 string) (map[string]Access, error) {
	body, err := c.get(ctx, moduleURL(base, sha256)+AccessesSuffix)
	if err != nil {
		return nil, err
	}
	defer body.Close() //nolint:errcheck // only read
	var observed map[string]Access
	if err := json.NewDecoder(io.LimitReader(body, maxAccessesBytes)).Decode(&observed); err != nil {
		return nil, fmt.Errorf("read the accesses of module %s: %w", sha256, err)
	}
	return observed, nil
}

func (c *Client) get(ctx context.Context, url string) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	request.Header.Set(Header, "1")
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		defer response.Body.Close() //nolint:errcheck // only read
		return nil, rejected(response)
	}
	return response.Body, nil
}

// rejected reads the little that an error has to say, so that the connection can be used again.
func rejected(response *http.Response) error {
	_, _ = io.CopyN(io.Discard, response.Body, 1<<10)
	if response.StatusCode == http.StatusNotFound {
		return ErrNotFound
	}
	return fmt.Errorf("the peer answered %s", response.Status)
}
