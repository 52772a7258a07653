// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
	"github.com/autowasm/autowasm/proxies"
)

// line is a condition without its message and times.
func line(c metav1.Condition) string {
	return fmt.Sprintf("%s=%s %s @%d", c.Type, c.Status, c.Reason, c.ObservedGeneration)
}

func lines(conditions []metav1.Condition) []string {
	out := make([]string, 0, len(conditions))
	for _, c := range conditions {
		out = append(out, line(c))
	}
	return out
}

func moduleStatus(sha256 string) *v1alpha1.ModuleStatus {
	at := metav1.NewTime(testTime)
	return &v1alpha1.ModuleStatus{SHA256: sha256, Size: 42, ABI: "0.2.1", Reference: fetched(sha256).Reference, Source: "registry:" + imageV1, FetchedAt: &at}
}

func synced(sha256 string) outcome {
	return outcome{
		stage:       stageDone,
		pinned:      sha256,
		module:      moduleStatus(sha256),
		envoyFilter: &v1alpha1.EnvoyFilterStatus{Name: "test", Generation: 1},
		renderedFor: 1,
	}
}

var (
	unavailable = failure.Transientf(v1alpha1.ReasonUnavailable, "get manifest: 503")
	notFound    = failure.Terminalf(v1alpha1.ReasonNotFound, "no such image")
	notWasm     = failure.Terminalf(v1alpha1.ReasonNotWasm, "not a module")
	pending     = failure.Transientf(v1alpha1.ReasonPending, "being fetched")
	foreignOne  = failure.Terminalf(v1alpha1.ReasonForeignEnvoyFilter, "foreign")
)

func TestComputeStatus(t *testing.T) {
	born := v1alpha1.AutoWasmStatus{ObservedGeneration: -1}
	running := computeStatus(born, 1, synced(shaA), testTime)
	old := outcome{envoyFilter: &v1alpha1.EnvoyFilterStatus{Name: "test", Generation: 1}, renderedFor: 1}
	resolved := outcome{pinned: shaA, module: moduleStatus(shaA)}
	tests := []struct {
		name       string
		prev       v1alpha1.AutoWasmStatus
		generation int64
		o          outcome
		phase      v1alpha1.Phase
		message    string
		conditions []string
	}{
		{
			"synced", born, 1, synced(shaA), v1alpha1.PhaseSynced,
			"EnvoyFilter test carries module sha256:" + shaA + " to the selected proxies",
			[]string{"Ready=True Synced @1", "SourceResolved=True Resolved @1", "ModuleVerified=True Verified @1", "EnvoyFilterApplied=True Applied @1"},
		},
		{
			"invalid spec", born, 1, outcome{}.failed(stageSpec, failure.Terminalf(v1alpha1.ReasonInvalidSpec, "spec.filter.source: Required")), v1alpha1.PhaseFailed,
			"spec.filter.source: Required",
			[]string{"Ready=False InvalidSpec @1", "Stalled=True InvalidSpec @1", "SourceResolved=Unknown Waiting @1", "ModuleVerified=Unknown Waiting @1", "EnvoyFilterApplied=False Waiting @1"},
		},
		{
			"fetching", born, 1, outcome{}.failed(stageSource, pending), v1alpha1.PhaseFetching,
			"being fetched",
			[]string{"Ready=Unknown Pending @1", "Reconciling=True Pending @1", "SourceResolved=Unknown Pending @1", "ModuleVerified=Unknown Waiting @1", "EnvoyFilterApplied=False Waiting @1"},
		},
		{
			"source not found", born, 1, outcome{}.failed(stageSource, notFound), v1alpha1.PhaseFailed,
			"no such image",
			[]string{"Ready=False NotFound @1", "Stalled=True NotFound @1", "SourceResolved=False NotFound @1", "ModuleVerified=Unknown Waiting @1", "EnvoyFilterApplied=False Waiting @1"},
		},
		{
			"module refused", born, 1, outcome{}.failed(stageSource, notWasm), v1alpha1.PhaseFailed,
			"not a module",
			[]string{"Ready=False NotWasm @1", "Stalled=True NotWasm @1", "SourceResolved=Unknown Waiting @1", "ModuleVerified=False NotWasm @1", "EnvoyFilterApplied=False Waiting @1"},
		},
		{
			"an update that fails", running, 2, old.failed(stageSource, notFound), v1alpha1.PhaseFailed,
			"no such image; the EnvoyFilter of generation 1 stays in force",
			[]string{"Ready=False NotFound @2", "Stalled=True NotFound @2", "SourceResolved=False NotFound @2", "ModuleVerified=Unknown Waiting @2", "EnvoyFilterApplied=False PreviousInForce @2"},
		},
		{
			"the pinned module is lost", running, 1, outcome{pinned: shaA, envoyFilter: old.envoyFilter}.failed(stageModule, unavailable), v1alpha1.PhasePending,
			"get manifest: 503; the present EnvoyFilter stays in force",
			[]string{"Ready=Unknown Unavailable @1", "Reconciling=True Unavailable @1", "SourceResolved=True Resolved @1", "ModuleVerified=Unknown Unavailable @1", "EnvoyFilterApplied=False PreviousInForce @1"},
		},
		{
			"a staged pin whose module is lost, the status names another", running, 2, outcome{pinned: shaB}.failed(stageModule, unavailable), v1alpha1.PhasePending,
			"get manifest: 503",
			[]string{"Ready=Unknown Unavailable @2", "Reconciling=True Unavailable @2", "SourceResolved=Unknown Waiting @2", "ModuleVerified=Unknown Unavailable @2", "EnvoyFilterApplied=False Waiting @2"},
		},
		{
			"foreign EnvoyFilter", born, 1, resolved.failed(stageEnvoyFilter, foreignOne), v1alpha1.PhaseFailed,
			"foreign",
			[]string{"Ready=False ForeignEnvoyFilter @1", "Stalled=True ForeignEnvoyFilter @1", "SourceResolved=True Resolved @1", "ModuleVerified=True Verified @1", "EnvoyFilterApplied=False ForeignEnvoyFilter @1"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := computeStatus(tt.prev, tt.generation, tt.o, testTime)
			if diff := cmp.Diff(tt.conditions, lines(got.Conditions)); diff != "" {
				t.Errorf("conditions (-want +got):\n%s", diff)
			}
			if got.Phase != tt.phase || got.Message != tt.message || got.ObservedGeneration != tt.generation {
				t.Errorf("status = %s %q @%d, want %s %q @%d", got.Phase, got.Message, got.ObservedGeneration, tt.phase, tt.message, tt.generation)
			}
			checkContract(t, got)
			again := computeStatus(got, tt.generation, tt.o, testTime.Add(time.Hour))
			if diff := cmp.Diff(got, again); diff != "" || !equality.Semantic.DeepEqual(got, again) {
				t.Errorf("the same outcome an hour later changes the status (-first +second):\n%s", diff)
			}
		})
	}
}

// checkContract holds a status to what tools rely on.
func checkContract(t *testing.T, s v1alpha1.AutoWasmStatus) {
	t.Helper()
	if len(s.Conditions) == 0 || s.Conditions[0].Type != v1alpha1.ConditionReady {
		t.Errorf("Ready is not the first condition: %v", lines(s.Conditions))
	}
	for _, c := range s.Conditions {
		if c.ObservedGeneration != s.ObservedGeneration || c.LastTransitionTime.IsZero() || c.Reason == "" || c.Message == "" {
			t.Errorf("incomplete condition: %+v", c)
		}
	}
	want := map[v1alpha1.Phase]string{
		v1alpha1.PhaseSynced: "Current", v1alpha1.PhaseFailed: "Failed",
		v1alpha1.PhasePending: "InProgress", v1alpha1.PhaseFetching: "InProgress",
	}[s.Phase]
	if got := kstatus(s); got != want {
		t.Errorf("phase %s reads as %s, want %s", s.Phase, got, want)
	}
}

// kstatus reads conditions in the order that kstatus documents.
func kstatus(s v1alpha1.AutoWasmStatus) string {
	is := func(kind string, status metav1.ConditionStatus) bool {
		c := meta.FindStatusCondition(s.Conditions, kind)
		return c != nil && c.Status == status
	}
	switch {
	case is("Reconciling", metav1.ConditionTrue):
		return "InProgress"
	case is("Stalled", metav1.ConditionTrue):
		return "Failed"
	case is("Ready", metav1.ConditionTrue):
		return "Current"
	default:
		return "InProgress"
	}
}

func TestTransitionTimes(t *testing.T) {
	later := testTime.Add(time.Hour)
	first := computeStatus(v1alpha1.AutoWasmStatus{}, 1, synced(shaA), testTime)
	second := computeStatus(first, 2, synced(shaB), later)
	for _, c := range second.Conditions {
		if !c.LastTransitionTime.Time.Equal(testTime) {
			t.Errorf("%s was True all along, but its transition moved to %s", c.Type, c.LastTransitionTime)
		}
	}
	third := computeStatus(second, 3, outcome{}.failed(stageSource, notFound), later)
	if got := meta.FindStatusCondition(third.Conditions, v1alpha1.ConditionReady).LastTransitionTime.Time; !got.Equal(later) {
		t.Errorf("Ready became False at %s, want %s", got, later)
	}
}

func TestARetryDoesNotHideWhyItWasNeeded(t *testing.T) {
	failedStatus := func(f *failure.Error) v1alpha1.AutoWasmStatus {
		return computeStatus(v1alpha1.AutoWasmStatus{}, 1, outcome{}.failed(stageSource, f), testTime)
	}
	retry := outcome{}.failed(stageSource, pending)
	tests := []struct {
		name       string
		prev       v1alpha1.AutoWasmStatus
		generation int64
		want       v1alpha1.Phase
	}{
		{"after a terminal failure", failedStatus(notFound), 1, v1alpha1.PhaseFailed},
		{"after a transient failure", failedStatus(unavailable), 1, v1alpha1.PhasePending},
		{"after another generation's failure", failedStatus(notFound), 2, v1alpha1.PhaseFetching},
		{"after a missing Secret", failedStatus(failure.Transientf(v1alpha1.ReasonSecretNotFound, "no Secret")), 1, v1alpha1.PhaseFetching},
		{"after success", computeStatus(v1alpha1.AutoWasmStatus{}, 1, synced(shaA), testTime), 1, v1alpha1.PhaseFetching},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := computeStatus(tt.prev, tt.generation, retry, testTime); got.Phase != tt.want {
				t.Errorf("phase = %s, want %s", got.Phase, tt.want)
			}
		})
	}
}

func TestFirstFetchKeepsItsTime(t *testing.T) {
	prev := computeStatus(v1alpha1.AutoWasmStatus{}, 1, synced(shaA), testTime)
	later := metav1.NewTime(testTime.Add(time.Hour))
	for sha256, want := range map[string]time.Time{shaA: testTime, shaB: later.Time} {
		o := synced(sha256)
		o.module.FetchedAt = &later
		if got := computeStatus(prev, 2, o, testTime).Module.FetchedAt; !got.Time.Equal(want) {
			t.Errorf("%s fetched at %s, want %s", sha256[:1], got, want)
		}
	}
}

func TestLongMessagesAreCut(t *testing.T) {
	long := failure.Terminalf(v1alpha1.ReasonNotFound, "%s", strings.Repeat("größe ", 1000))
	o := outcome{envoyFilter: &v1alpha1.EnvoyFilterStatus{Name: "test"}, renderedFor: 7}
	status := computeStatus(v1alpha1.AutoWasmStatus{}, 8, o.failed(stageSource, long), testTime)
	for _, message := range []string{status.Message, status.Conditions[0].Message, status.Conditions[2].Message} {
		if len(message) > v1alpha1.MaxMessageBytes || !utf8.ValidString(message) {
			t.Errorf("%d bytes, valid %v", len(message), utf8.ValidString(message))
		}
	}
	if !strings.HasSuffix(status.Message, "…; the EnvoyFilter of generation 7 stays in force") {
		t.Errorf("the end is lost: %q", status.Message[len(status.Message)-60:])
	}
}

func TestAnnounce(t *testing.T) {
	status := func(prev v1alpha1.AutoWasmStatus, generation int64, o outcome) v1alpha1.AutoWasmStatus {
		return computeStatus(prev, generation, o, testTime)
	}
	born := v1alpha1.AutoWasmStatus{ObservedGeneration: -1}
	running := status(born, 1, synced(shaA))
	stuck := status(born, 1, outcome{}.failed(stageSource, notFound))
	tests := []struct {
		name       string
		prev, next v1alpha1.AutoWasmStatus
		want       string
	}{
		{"first sync", born, running, "Normal Synced"},
		{"nothing new", running, running, ""},
		{"another module", running, status(running, 1, synced(shaB)), "Normal Synced"},
		{"another generation", running, status(running, 2, synced(shaA)), "Normal Synced"},
		{"fetching", born, status(born, 1, outcome{}.failed(stageSource, pending)), ""},
		{"failing", running, status(running, 2, outcome{}.failed(stageSource, unavailable)), "Warning Unavailable"},
		{"the same failure in other words", stuck, status(stuck, 1, outcome{}.failed(stageSource, failure.Terminalf(v1alpha1.ReasonNotFound, "gone"))), ""},
		{"another failure", stuck, status(stuck, 1, outcome{}.failed(stageSource, notWasm)), "Warning NotWasm"},
		{"well again", stuck, status(stuck, 1, synced(shaA)), "Normal Synced"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := ""
			if kind, ready := eventOf(tt.prev, tt.next); ready != nil {
				got = kind + " " + ready.Reason
			}
			if got != tt.want {
				t.Errorf("announced %q, want %q", got, tt.want)
			}
		})
	}
}

// TestRequestsOutliveTheProcess: who asked for the module before this process started is not forgotten.
func TestRequestsOutliveTheProcess(t *testing.T) {
	said := func(requested int32, at time.Duration) *v1alpha1.ProxiesStatus {
		p := &v1alpha1.ProxiesStatus{Selected: 2, Running: 2, Requested: requested}
		if requested > 0 {
			p.LastRequestTime = &metav1.Time{Time: testTime.Add(at)}
		}
		return p
	}
	for name, tt := range map[string]struct {
		before     *v1alpha1.ProxiesStatus
		requested  int32
		at         time.Duration
		generation int64
		want       *v1alpha1.ProxiesStatus
	}{
		"none since":          {said(2, -time.Minute), 0, 0, 1, said(2, -time.Minute)},
		"one since":           {said(2, -time.Minute), 1, 0, 1, said(2, 0)},
		"one before":          {said(1, -time.Minute), 2, -time.Hour, 1, said(2, -time.Minute)},
		"more than there are": {said(7, -time.Minute), 0, 0, 1, said(2, -time.Minute)},
		"more than a day ago": {said(2, -25*time.Hour), 0, 0, 1, said(0, 0)},
		"none before":         {said(0, 0), 1, 0, 1, said(1, 0)},
		"nothing before":      {nil, 1, 0, 1, said(1, 0)},
		"another generation":  {said(2, -time.Minute), 0, 0, 2, said(0, 0)},
	} {
		o := synced(shaA)
		o.proxies = &proxies.Snapshot{Selected: 2, Running: 2, Requested: tt.requested}
		if tt.requested > 0 {
			o.proxies.LastRequest = testTime.Add(tt.at)
		}
		prev := computeStatus(v1alpha1.AutoWasmStatus{}, 1, o, testTime)
		prev.Proxies = tt.before
		if diff := cmp.Diff(tt.want, computeStatus(prev, tt.generation, o, testTime).Proxies); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestSinceWhenAProxyDoesNotRun: from one status to the next of a generation, as long as it stays in its state.
func TestSinceWhenAProxyDoesNotRun(t *testing.T) {
	at := func(minute int) metav1.Time {
		return metav1.NewTime(time.Date(2026, 11, 22, 12, minute, 0, 0, time.UTC))
	}
	list := func(state string, since metav1.Time) []v1alpha1.ProxyStatus {
		return []v1alpha1.ProxyStatus{{Namespace: "shop", Pod: "a", State: state, Since: since}}
	}
	prev := v1alpha1.AutoWasmStatus{ObservedGeneration: 2, Proxies: &v1alpha1.ProxiesStatus{NotRunning: list("LoadFailed", at(0))}}
	for name, tt := range map[string]struct {
		state      string
		generation int64
		want       metav1.Time
	}{
		"the same state":     {"LoadFailed", 2, at(0)},
		"another state":      {"StartFailed", 2, at(5)},
		"another generation": {"LoadFailed", 3, at(5)},
	} {
		listed := list(tt.state, metav1.Time{})
		stamp(listed, notRunning(prev, tt.generation), at(5))
		if !listed[0].Since.Equal(&tt.want) {
			t.Errorf("%s: since %s, want %s", name, listed[0].Since, tt.want)
		}
	}
}

// TestARequestIsAcknowledgedInTheStatus, by one write.
func TestARequestIsAcknowledgedInTheStatus(t *testing.T) {
	h := newHarness(t, autoWasm())
	h.mustReconcile()
	h.edit(func(aw *v1alpha1.AutoWasm) {
		aw.Generation-- // an annotation changes none
		aw.Annotations = map[string]string{v1alpha1.AnnotationRequestedAt: "2026-11-22T09:00:00+00:00"}
	})
	h.mustReconcile()
	h.mustReconcile()
	if got := h.autoWasm().Status.LastHandledReconcileAt; got != "2026-11-22T09:00:00+00:00" {
		t.Errorf("acknowledged %q", got)
	}
	if writes := h.forgetWrites(); len(writes) != 1 {
		t.Errorf("writes: %q, want one of the status", writes)
	}
}

// TestRequestsAreAcknowledged once what they began has ended, whatever came of it.
func TestRequestsAreAcknowledged(t *testing.T) {
	for name, tt := range map[string]struct {
		requested string
		out       outcome
		want      string
	}{
		"none":           {"", outcome{}, "before"},
		"done":           {"now", outcome{}, "now"},
		"failed":         {"now", outcome{failure: failure.Terminalf(v1alpha1.ReasonNotFound, "none")}, "now"},
		"under way":      {"now", outcome{failure: failure.Transientf(v1alpha1.ReasonPending, "fetching")}, "before"},
		"not scraped":    {"now", outcome{unobserved: true}, "before"},
		"tried again":    {"now", outcome{trial: attempt{retrying: true}}, "before"},
		"far too long":   {strings.Repeat("x", 9999), outcome{}, strings.Repeat("x", maxRequest-3) + "…"},
		"the same again": {"before", outcome{}, "before"},
	} {
		aw := &v1alpha1.AutoWasm{Status: v1alpha1.AutoWasmStatus{LastHandledReconcileAt: "before"}}
		if tt.requested != "" {
			aw.Annotations = map[string]string{v1alpha1.AnnotationRequestedAt: tt.requested}
		}
		if got := handledRequest(aw, tt.out); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}
