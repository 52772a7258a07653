// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/image"
	"github.com/autowasm/autowasm/internal/failure"
	"github.com/autowasm/autowasm/internal/text"
)

// queryHashDigits is how many hex digits of a query's hash a SourceID holds.
const queryHashDigits = 16

type object struct {
	url    *url.URL
	sha256 string // of the module, "" when it is not declared
	max    int64  // bytes of the module
	agent  string
	client *http.Client
}

func (s *Sources) resolveObject(ctx context.Context, source v1alpha1.ObjectSource) (*Resolved, error) {
	o, err := s.parseObject(source)
	if err != nil {
		return nil, err
	}
	resolved := &Resolved{Reference: o.name(), Key: o.key(o.sha256), SHA256: o.sha256, Immutable: o.sha256 != "", Open: o.open}
	if resolved.Immutable {
		return resolved, nil
	}
	version, err := o.version(ctx)
	if err != nil {
		return nil, err
	}
	resolved.Key = o.key(version)
	return resolved, nil
}

func (s *Sources) parseObject(source v1alpha1.ObjectSource) (*object, error) {
	u, err := url.Parse(source.URL)
	switch {
	case err != nil, u.Host == "", u.Hostname() == "", u.Scheme != "http" && u.Scheme != "https":
		return nil, failure.Terminalf(v1alpha1.ReasonInvalidSource, "the object's url is not an absolute http or https URL, such as https://bucket.example/filter.wasm")
	case u.User != nil:
		return nil, failure.Terminalf(v1alpha1.ReasonInvalidSource, "the object's url must not carry user information")
	case source.SHA256 != "" && !v1alpha1.IsSHA256(source.SHA256):
		return nil, failure.Terminalf(v1alpha1.ReasonInvalidSource, "the object's sha256 is not 64 lower-case hex digits")
	}
	u.Fragment, u.RawFragment = "", ""
	o := &object{url: u, sha256: source.SHA256, max: s.o.MaxModuleBytes, agent: s.o.UserAgent, client: &http.Client{Transport: s.transport}}
	if err := s.guard.CheckURL(u); err != nil {
		return nil, failure.Wrapf(err, "get %s", o.name())
	}
	return o, nil
}

// name is the URL as it may be shown.
func (o *object) name() string { return text.WithoutQuery(o.url.String()) }

// key identifies one version of the object. The query is a part of the identity, but must not be shown.
func (o *object) key(version string) string {
	key := o.name()
	if o.url.RawQuery != "" {
		key += "?" + digest(o.url.RawQuery)
	}
	return key + "#" + version
}

// withQueryHashed distinguishes URLs without showing their queries.
func withQueryHashed(address string) string {
	bare, query, found := strings.Cut(address, "?")
	if !found {
		return address
	}
	return bare + "?" + digest(query)[:queryHashDigits]
}

func digest(parts ...string) string {
	hash := sha256.New()
	for _, part := range parts {
		fmt.Fprintf(hash, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(hash.Sum(nil))
}

// version distinguishes the object's present version from others by the headers of a HEAD; it is "" when there are
// none. Only 404, 410 and 429 are final: a URL that is signed for GET answers 403 to a HEAD.
func (o *object) version(ctx context.Context) (string, error) {
	resp, err := o.request(ctx, http.MethodHead)
	if err != nil {
		return "", err
	}
	_ = resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusTooManyRequests, isGone(resp.StatusCode):
		return "", o.refusal(resp)
	case resp.StatusCode != http.StatusOK:
		return "", nil
	}
	etag, modified := resp.Header.Get("ETag"), resp.Header.Get("Last-Modified")
	if etag == "" && modified == "" {
		return "", nil
	}
	return digest(etag, modified, resp.Header.Get("Content-Length")), nil
}

// open streams the module: the file, or what is in it.
func (o *object) open(ctx context.Context) (io.ReadCloser, error) {
	resp, err := o.request(ctx, http.MethodGet)
	if err != nil {
		return nil, err
	}
	if err := o.check(resp); err != nil {
		_ = resp.Body.Close()
		return nil, err
	}
	stream, err := image.Unpack(capped(resp.Body, o.max+image.ArchiveOverhead, "the file"), o.max)
	if err != nil {
		_ = resp.Body.Close()
		return nil, o.explain(ctx, err)
	}
	return &explainedBody{
		ReadCloser: &download{ReadCloser: stream, connection: resp.Body},
		explain:    func(err error) error { return o.explain(ctx, err) },
	}, nil
}

func (o *object) request(ctx context.Context, method string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, o.url.String(), nil)
	if err != nil {
		return nil, failure.Terminalf(v1alpha1.ReasonInvalidSource, "the object's url cannot be asked for: %s", foreignText(err))
	}
	req.Header.Set("User-Agent", o.agent)
	req.Header.Set("Accept", "application/wasm, application/octet-stream;q=0.9, */*;q=0.8")
	req.Header.Set("Accept-Encoding", "identity")
	resp, err := o.client.Do(req)
	if err != nil {
		return nil, o.explain(ctx, err)
	}
	return resp, nil
}

func (o *object) explain(ctx context.Context, err error) error {
	return explainNetwork(ctx, err, "get "+o.name(), func(text string) string { return text })
}

// check accepts only an answer that is the whole file, not encoded.
func (o *object) check(resp *http.Response) error {
	if resp.StatusCode != http.StatusOK {
		return o.refusal(resp)
	}
	if encoding := resp.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return failure.Terminalf(v1alpha1.ReasonInvalidSource, "get %s: the server sends it with a Content-Encoding although none was asked for: store the object without one", o.name())
	}
	if resp.ContentLength > o.max+image.ArchiveOverhead {
		return failure.Terminalf(v1alpha1.ReasonTooLarge, "get %s: the file has %d bytes, the module's limit is %d", o.name(), resp.ContentLength, o.max)
	}
	return nil
}

// refusal classifies a status other than 200.
func (o *object) refusal(resp *http.Response) error {
	if err := serverFailure(resp); err != nil {
		return failure.Wrapf(err, "get %s", o.name())
	}
	host, status := resp.Request.URL.Host, statusText(resp.StatusCode)
	switch {
	case isGone(resp.StatusCode):
		return failure.Terminalf(v1alpha1.ReasonNotFound, "get %s: %s does not have it (%s)", o.name(), host, status)
	case refusesAccess(resp.StatusCode):
		return failure.Terminalf(v1alpha1.ReasonUnauthorized, "get %s: %s refused access (%s): the object must exist and be readable by everybody, or the url be signed", o.name(), host, status)
	default:
		return failure.Transientf(v1alpha1.ReasonUnavailable, "get %s: %s answered %s", o.name(), host, status)
	}
}

// download is an unpacked stream with the connection that it comes from.
type download struct {
	io.ReadCloser
	connection io.Closer
}

// Close closes both.
func (d *download) Close() error {
	return errors.Join(d.ReadCloser.Close(), d.connection.Close())
}
