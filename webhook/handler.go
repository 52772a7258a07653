// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"context"
	"fmt"
	"net/http"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

const (
	// defaultCallTimeout is the API server's own default for a webhook.
	defaultCallTimeout = 10 * time.Second
	// responseReserve is left to bring the response to the API server.
	responseReserve = 500 * time.Millisecond
)

type deadlineKey struct{}

// withDeadline keeps until when the API server waits, which is in the query of its call. It counts from when the call came:
// reading and decoding what it carries takes some of that time.
func withDeadline(ctx context.Context, r *http.Request) context.Context {
	timeout, err := time.ParseDuration(r.URL.Query().Get("timeout"))
	if err != nil || timeout <= responseReserve || timeout > 3*defaultCallTimeout {
		timeout = defaultCallTimeout
	}
	return context.WithValue(ctx, deadlineKey{}, time.Now().Add(timeout))
}

// detached returns a context that ends in time for a response, and not before: the context of a request ends with the
// manager, in the middle of requests that a rolling restart should finish.
func detached(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Value(deadlineKey{}).(time.Time)
	if !ok {
		deadline = time.Now().Add(defaultCallTimeout)
	}
	return context.WithDeadline(context.WithoutCancel(ctx), deadline.Add(-responseReserve))
}

// handle responds with answer to the requests that the webhooks serve.
func handle(ctx context.Context, req admission.Request, i instrument, answer admission.HandlerFunc) admission.Response {
	ctx, cancel := detached(ctx)
	defer cancel()
	return i.observe(ctx, req, func(ctx context.Context, req admission.Request) admission.Response {
		if !isServed(req) {
			return admission.Allowed("")
		}
		if err := checkKind(req); err != nil {
			return admission.Errored(http.StatusBadRequest, err)
		}
		return answer(ctx, req)
	})
}

// isServed reports whether there is anything to do: deletions, connections and subresources are always allowed.
func isServed(req admission.Request) bool {
	return (req.Operation != admissionv1.Delete && req.Operation != admissionv1.Connect) && req.SubResource == ""
}

// checkKind refuses a request that is not about AutoWasms, or not a request at all.
func checkKind(req admission.Request) error {
	want := metav1.GroupVersionKind{Group: v1alpha1.GroupVersion.Group, Version: v1alpha1.GroupVersion.Version, Kind: v1alpha1.Kind}
	if req.Kind != want {
		return fmt.Errorf("the request is about %s %s/%s: this webhook serves only %s %s", req.Kind.Kind, req.Kind.Group, req.Kind.Version, v1alpha1.Kind, v1alpha1.GroupVersion)
	}
	if req.Operation != admissionv1.Create && req.Operation != admissionv1.Update {
		return fmt.Errorf("the operation is %q: this webhook serves CREATE and UPDATE", req.Operation)
	}
	if problems := validation.IsValidLabelValue(string(req.UID)); req.UID == "" || len(problems) > 0 {
		return fmt.Errorf("the request has no proper uid: %q", req.UID)
	}
	if req.Namespace == "" {
		return fmt.Errorf("the request names no namespace: every %s is in one", v1alpha1.Kind)
	}
	return nil
}
