// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"errors"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
)

func TestRetriesDoubleUpToTheLimitAndNeverEnd(t *testing.T) {
	r := newRetries()
	for i, want := 0, firstRetry; i < 100; i, want = i+1, min(2*want, lastRetry) {
		if got := r.after(testKey, unavailable).RequeueAfter; got < want || got > want+want/5 {
			t.Fatalf("retry %d after %s, want %s to a fifth more", i, got, want)
		}
	}
	r.forget(testKey)
	if got := r.after(testKey, unavailable).RequeueAfter; got > 2*firstRetry {
		t.Errorf("after success: %s, want the first delay", got)
	}
}

func TestRetryHonoursTheSource(t *testing.T) {
	limited := &failure.Error{Reason: v1alpha1.ReasonRateLimited, RetryAfter: time.Hour, Err: errors.New("429")}
	tests := map[string]struct {
		f    *failure.Error
		want time.Duration
	}{
		"a source that asks for a delay": {limited, time.Hour},
		"a terminal failure":             {notFound, terminalRetry},
		"a foreign EnvoyFilter":          {foreignOne, foreignRetry},
	}
	for name, tt := range tests {
		if got := newRetries().after(testKey, tt.f).RequeueAfter; got < tt.want || got > tt.want+tt.want/5 {
			t.Errorf("%s: again after %s, want %s to a fifth more", name, got, tt.want)
		}
	}
}

func TestClassify(t *testing.T) {
	resource := schema.GroupResource{Group: "networking.istio.io", Resource: "envoyfilters"}
	terminating := apierrors.NewForbidden(resource, "test", errors.New("namespace is being terminated"))
	terminating.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: corev1.NamespaceTerminatingCause}}
	tests := map[string]struct {
		err    error
		uid    types.UID       // of the EnvoyFilter that was read
		is     error           // when it is one of ours
		reason v1alpha1.Reason // when it is a failure
		after  time.Duration
	}{
		"namespace terminating":  {err: terminating, is: errLeaving},
		"conflict":               {err: apierrors.NewConflict(resource, "test", errors.New("changed")), is: errStale},
		"already exists":         {err: apierrors.NewAlreadyExists(resource, "test"), is: errStale},
		"refused by a policy":    {err: apierrors.NewForbidden(resource, "test", errors.New("denied")), reason: v1alpha1.ReasonEnvoyFilterRefused},
		"refused by Istio":       {err: apierrors.NewBadRequest("admission webhook denied the request"), reason: v1alpha1.ReasonEnvoyFilterRefused},
		"invalid":                {err: apierrors.NewInvalid(schema.GroupKind{Kind: "EnvoyFilter"}, "test", nil), reason: v1alpha1.ReasonEnvoyFilterRefused},
		"Istio's webhook down":   {err: apierrors.NewInternalError(errors.New("failed calling webhook")), reason: v1alpha1.ReasonEnvoyFilterUnavailable},
		"gone since it was read": {err: apierrors.NewNotFound(resource, "test"), uid: "uid", is: errStale},
		"no such kind":           {err: apierrors.NewNotFound(resource, ""), reason: v1alpha1.ReasonEnvoyFilterUnavailable},
		"throttled":              {err: apierrors.NewTooManyRequests("slow down", 7), reason: v1alpha1.ReasonEnvoyFilterUnavailable, after: 7 * time.Second},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := classify(fmt.Errorf("wrapped: %w", tt.err), "apply", &metav1.ObjectMeta{Namespace: "shop", Name: "test", UID: tt.uid})
			if tt.is != nil {
				if !errors.Is(got, tt.is) || !errors.Is(got, tt.err) {
					t.Errorf("classify = %v, want %v", got, tt.is)
				}
				return
			}
			f := failure.Of(got)
			terminal := tt.reason == v1alpha1.ReasonEnvoyFilterRefused
			if f.Reason != tt.reason || f.Terminal != terminal || f.RetryAfter != tt.after {
				t.Errorf("classify = %+v, want %s, terminal %v, after %s", f, tt.reason, terminal, tt.after)
			}
		})
	}
}
