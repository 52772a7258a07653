// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/pflag"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	// requestTimeout bounds a request to the API server, and the time for which one that watches is open.
	requestTimeout = 30 * time.Second
	// maxPage is how many objects a list has at once, and maxResponse how large one may be, in bytes.
	maxPage     = 500
	maxResponse = 256 << 20
)

// clusterOptions say which cluster, as kubectl's flags of these names.
type clusterOptions struct {
	kubeconfig    string
	context       string
	namespace     string
	allNamespaces bool
}

func (o *clusterOptions) bind(flags *pflag.FlagSet) {
	flags.StringVar(&o.kubeconfig, "kubeconfig", "", "`FILE` that says how to reach the cluster; default $KUBECONFIG, ~/.kube/config")
	flags.StringVar(&o.context, "context", "", "context of that file; default the current one")
	flags.StringVarP(&o.namespace, "namespace", "n", "", "namespace; default that of the context")
	flags.BoolVarP(&o.allNamespaces, "all-namespaces", "A", false, "all namespaces")
}

// cluster is an API server, and a namespace in it.
type cluster struct {
	client    *http.Client
	base      *url.URL
	namespace string // "" for all
}

// connect reads the configuration; it does not connect yet.
func (o *clusterOptions) connect() (*cluster, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = o.kubeconfig
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: o.context})
	config, err := loader.ClientConfig()
	if err != nil {
		return nil, hintedError{fmt.Errorf("read the kubeconfig: %w", err), "name one with --kubeconfig or $KUBECONFIG, and one of its contexts with --context"}
	}
	namespace, _, err := loader.Namespace()
	if err != nil {
		return nil, fmt.Errorf("read the kubeconfig: %w", err)
	}
	config.UserAgent = "wasmc/" + version
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("read the kubeconfig: %w", err)
	}
	base, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return nil, fmt.Errorf("read the kubeconfig: %w", err)
	}
	c := &cluster{client: client, base: base, namespace: cmp.Or(o.namespace, namespace)}
	if o.allNamespaces {
		c.namespace = ""
	}
	return c, nil
}

// resource is a kind of objects at an API server.
type resource struct{ prefix, plural string }

var (
	autoWasms    = resource{"/apis/wasm.tcm.io/v1alpha1", "autowasms"}
	envoyFilters = resource{"/apis/networking.istio.io/v1alpha3", "envoyfilters"}
	pods         = resource{"/api/v1", "pods"}
)

// path of the resource in a namespace, "" for all.
func (r resource) path(namespace string) string {
	if namespace == "" {
		return r.prefix + "/" + r.plural
	}
	return r.prefix + "/namespaces/" + namespace + "/" + r.plural
}

// list reads the objects of a resource in a namespace, "" for all, page by page, and returns at which version.
func list[T any](ctx context.Context, c *cluster, r resource, namespace string, query url.Values) (items []T, version string, err error) {
	query.Set("limit", fmt.Sprint(maxPage))
	for {
		var page struct {
			Metadata metav1.ListMeta `json:"metadata"`
			Items    []T             `json:"items"`
		}
		if err := c.get(ctx, r.path(namespace), query, &page); err != nil {
			return nil, "", fmt.Errorf("list the %s: %w", r.plural, err)
		}
		items, version = append(items, page.Items...), page.Metadata.ResourceVersion
		if page.Metadata.Continue == "" {
			return items, version, nil
		}
		query.Set("continue", page.Metadata.Continue)
	}
}

func (c *cluster) get(ctx context.Context, path string, query url.Values, into any) error {
	ctx, cancel := context.WithTimeoutCause(ctx, requestTimeout, fmt.Errorf("no answer within %s", requestTimeout))
	defer cancel()
	response, err := c.do(ctx, path, query)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if err := json.NewDecoder(io.LimitReader(response.Body, maxResponse)).Decode(into); err != nil {
		return fmt.Errorf("read the API server's answer: %w", cmp.Or(context.Cause(ctx), err))
	}
	return nil
}

// do sends a GET, and returns the API server's own error where it answers with one.
func (c *cluster) do(ctx context.Context, path string, query url.Values) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base.JoinPath(path).String()+"?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/json")
	response, err := c.client.Do(request)
	if err != nil {
		return nil, unreachable(cmp.Or(context.Cause(ctx), withoutURL(err)), c.base)
	}
	if response.StatusCode != http.StatusOK {
		defer response.Body.Close()
		return nil, refused(response)
	}
	return response, nil
}

func unreachable(err error, base *url.URL) error {
	return hintedError{fmt.Errorf("the cluster at %s cannot be reached: %w", base.Redacted(), err),
		"see whether kubectl cluster-info reaches it; another cluster is named with --context or --kubeconfig"}
}

// refused is the error in an answer.
func refused(response *http.Response) error {
	var status metav1.Status
	err := json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(&status)
	if err != nil || status.Kind != "Status" {
		status = metav1.Status{Code: int32(response.StatusCode), Message: "the API server answers " + response.Status}
		if response.StatusCode == http.StatusNotFound {
			status.Reason = metav1.StatusReasonNotFound
		}
	}
	refusal := &apierrors.StatusError{ErrStatus: status}
	if apierrors.IsUnauthorized(refusal) {
		return hintedError{refusal, "log in to the cluster again, or name another user's context with --context"}
	}
	return refusal
}

// changed waits until an object of the resource changes, at most requestTimeout. Errors end it as well: whoever reads
// again sees whether they last.
func (c *cluster) changed(ctx context.Context, r resource, query url.Values) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	response, err := c.do(ctx, r.path(c.namespace), query)
	if err != nil {
		return
	}
	defer response.Body.Close()
	var event json.RawMessage
	_ = json.NewDecoder(io.LimitReader(response.Body, maxResponse)).Decode(&event)
}

// isUnserved reports whether the API server does not know a resource at all.
func isUnserved(err error) bool {
	status, ok := errors.AsType[*apierrors.StatusError](err)
	return ok && status.ErrStatus.Reason == metav1.StatusReasonNotFound && (status.ErrStatus.Details == nil || status.ErrStatus.Details.Name == "")
}
