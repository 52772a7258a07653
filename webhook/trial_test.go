// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr/funcr"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	admissionv1 "k8s.io/api/admission/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/trial"
)

// TestMain has this program be the child of a trial, too.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == trial.Argument {
		if err := trial.Child(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// stubTrials has trials end with a result after some time, and begins none when it is full.
type stubTrials struct {
	result trial.Result
	after  time.Duration
	full   bool
	begun  []trial.Request
}

func (s *stubTrials) Begin(r trial.Request) *trial.Task {
	s.begun = append(s.begun, r)
	if s.full {
		return nil
	}
	return trial.TaskAfter(s.after, s.result)
}

// tryingValidator is a validator that tries modules.
func tryingValidator(trials Trials, mode SourceCheck) (*validator, *stagings) {
	v, staged := testValidator(&stubFetcher{}, Enforce)
	v.trial.trials, v.trial.mode = trials, mode
	return v, staged
}

var (
	refusesConfig = trial.Result{
		Reason: v1alpha1.ReasonStartRefused, Callback: "proxy_on_configure", Message: "proxy_on_configure returned false", Log: []string{`unknown directive "x"`, "line\n2"},
	}
	trapsOnRequests = trial.Result{Reason: v1alpha1.ReasonModuleTraps, Callback: "proxy_on_request_headers", Message: "proxy_on_request_headers trapped: unreachable in f < g"}
)

// TestTrials: what no proxy can run is denied, by the field that would have to change and in the module's own words; what
// depends on the proxy, or cannot be known in time, is admitted.
func TestTrials(t *testing.T) {
	const image = `spec.filter.source.registry.image: Invalid value: "reg.example/wasm-add-header:v0.3": `
	refused := `spec.filter.config: Invalid value: the module was tried, and fails: proxy_on_configure returned false; ` +
		`it logged "unknown directive \"x\"", "line\n2"; give the module the config that its documentation describes`
	context := trial.Result{Reason: v1alpha1.ReasonModuleTraps, Callback: "proxy_on_context_create", Message: "proxy_on_context_create trapped: unreachable"}
	noHTTP := trial.Result{Reason: v1alpha1.ReasonNoHTTPContext, Callback: "proxy_on_context_create", Message: "it has no HTTP context"}
	digests := trial.Result{Reason: v1alpha1.ReasonModuleTraps, Callback: "_initialize", Message: "_initialize trapped", Log: []string{moduleSHA256}}
	for name, tt := range map[string]struct {
		trials *stubTrials
		mode   SourceCheck
		want   answer
	}{
		"passes": {&stubTrials{result: trial.Result{Reason: v1alpha1.ReasonTrialPassed}}, Enforce, answer{}},
		"does nothing": {&stubTrials{result: trial.Result{Reason: v1alpha1.ReasonTrialPassed, Idle: true}}, Enforce, answer{Warnings: []string{
			`spec.filter.rootID: the module may have no filter of that name: it did nothing with a request when it was tried`}}},
		"breaks responses": {&stubTrials{result: trial.Result{Reason: v1alpha1.ReasonTrialPassed, Broken: true, Message: "why"}}, Enforce, answer{Warnings: []string{
			"the module was tried: why"}}},
		"refuses":          {&stubTrials{result: refusesConfig}, Enforce, answer{Denied: refused}},
		"refuses, by flag": {&stubTrials{result: refusesConfig}, "", answer{Denied: refused}},
		"refuses, warned of": {&stubTrials{result: refusesConfig}, Warn, answer{Warnings: []string{
			`spec.filter.config: proxy_on_configure returned false; it logged "unknown directive \"x\"", "line\n2"`}}},
		"refuses, not tried":   {&stubTrials{result: refusesConfig}, Off, answer{}},
		"traps on requests":    {&stubTrials{result: trapsOnRequests}, Enforce, answer{Denied: image + "the module was tried, and fails: proxy_on_request_headers trapped: unreachable in f < g; repair the module, or take another"}},
		"an unknown rootID":    {&stubTrials{result: context}, Enforce, answer{Denied: `spec.filter.rootID: Invalid value: "test": the module was tried, and fails: proxy_on_context_create trapped: unreachable; set rootID to a name that the module registers, or repair the module`}},
		"no HTTP context":      {&stubTrials{result: noHTTP}, Enforce, answer{Denied: image + "the module was tried, and fails: it has no HTTP context; repair the module, or take another"}},
		"tells its digest":     {&stubTrials{result: digests}, Enforce, answer{Denied: image + `the module was tried, and fails: _initialize trapped; it logged "…"; repair the module, or take another`}},
		"waits for a call-out": {&stubTrials{result: trial.Result{Reason: v1alpha1.ReasonDependsOnProxy, Message: "holds"}}, Enforce, answer{}},
		"fails of the proxy": {&stubTrials{result: trial.Result{Reason: v1alpha1.ReasonDependsOnProxy, Callback: "proxy_on_configure", Message: "why"}}, Enforce,
			answer{Warnings: []string{"the module was tried without a verdict: why"}}},
		"comes to no end": {&stubTrials{result: trial.Result{Reason: v1alpha1.ReasonTrialEnded, Message: "why"}}, Enforce,
			answer{Warnings: []string{"the module was tried without a verdict: why"}}},
		"takes long":         {&stubTrials{result: refusesConfig, after: trialTimeout - time.Millisecond}, Enforce, answer{Denied: refused}},
		"takes longer":       {&stubTrials{result: refusesConfig, after: time.Minute}, Enforce, answer{Warnings: []string{notInTime}}},
		"too many are tried": {&stubTrials{full: true}, Enforce, answer{Warnings: []string{notInTime}}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v, staged := tryingValidator(tt.trials, tt.mode)
				got := answerOf(t, v, admissionv1.Create, nil, autoWasm())
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("answer (-want +got):\n%s", diff)
				}
				if denied := tt.want.Denied != ""; denied != (len(*staged) == 0) {
					t.Errorf("denied %v, staged %v", denied, *staged)
				}
			})
		})
	}
}

const notInTime = "the module was not tried in time; the condition ModuleTried will say whether it works"

// TestUntriedAdmissions are counted by why they went without a trial.
func TestUntriedAdmissions(t *testing.T) {
	type counts = map[string]float64
	ended := trial.Result{Reason: v1alpha1.ReasonTrialEnded, Message: "why"}
	for name, tt := range map[string]struct {
		trials Trials
		mode   SourceCheck
		want   counts
	}{
		"tried":              {&stubTrials{result: trial.Result{Reason: v1alpha1.ReasonTrialPassed}}, Enforce, counts{}},
		"depends":            {&stubTrials{result: trial.Result{Reason: v1alpha1.ReasonDependsOnProxy}}, Enforce, counts{}},
		"refuses":            {&stubTrials{result: refusesConfig}, Enforce, counts{}},
		"too many are tried": {&stubTrials{full: true}, Warn, counts{"wasmer_admission_untried_total{reason=Full}": 1}},
		"takes long":         {&stubTrials{result: refusesConfig, after: time.Minute}, Enforce, counts{"wasmer_admission_untried_total{reason=Late}": 1}},
		"comes to no end":    {&stubTrials{result: ended}, Enforce, counts{"wasmer_admission_untried_total{reason=Ended}": 1}},
		"without memory":     {nil, Enforce, counts{"wasmer_admission_untried_total{reason=NoTrials}": 1}},
		"by flag":            {nil, Off, counts{}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v, _ := tryingValidator(tt.trials, tt.mode)
				registry := prometheus.NewRegistry()
				registry.MustRegister(v.trial.untried)
				answerOf(t, v, admissionv1.Create, nil, autoWasm())
				if diff := cmp.Diff(tt.want, counted(t, registry)); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestTrialsOfUpdates: an update is answerable for what it changes. A dry run is tried as well.
func TestTrialsOfUpdates(t *testing.T) {
	configured := func(f *v1alpha1.Filter) { f.Config = &apiextensionsv1.JSON{Raw: []byte(`{"a":1}`)} }
	variable := func(f *v1alpha1.Filter) { f.Env = []v1alpha1.EnvVar{{Name: "A", Value: "b"}} }
	for name, tt := range map[string]struct {
		change change
		denied bool
	}{
		"ports":    {withPorts(1), false},
		"config":   {filter(configured), true},
		"env":      {filter(variable), true},
		"rootID":   {filter(func(f *v1alpha1.Filter) { f.RootID = "other" }), true},
		"vmID":     {filter(func(f *v1alpha1.Filter) { f.VMID = "other" }), true},
		"source":   {image("reg.example/wasm-add-header:v0.4"), true},
		"priority": {filter(func(f *v1alpha1.Filter) { f.Priority = new(int32(3)) }), false},
	} {
		v, _ := tryingValidator(&stubTrials{result: refusesConfig}, Enforce)
		req := updateRequest(t, autoWasm(), autoWasm(tt.change))
		for _, r := range []admission.Request{req, dryRun(req)} {
			if resp := v.Handle(t.Context(), r); resp.Allowed == tt.denied || !tt.denied && len(resp.Warnings) == 0 {
				t.Errorf("%s: %+v", name, resp)
			}
		}
	}
	trials := &stubTrials{result: refusesConfig}
	v, _ := tryingValidator(trials, Enforce)
	if resp := v.Handle(t.Context(), dryRun(requestFor(t, admissionv1.Create, autoWasm(filter(configured), filter(variable))))); resp.Allowed {
		t.Errorf("a dry run is admitted: %+v", resp)
	}
	if s := trials.begun[0].Settings; s.Configuration != `{"a":1}` || s.RootID != "test" || len(s.Env) != 1 {
		t.Errorf("tried with %+v", s)
	}
}

// TestADeniedTrialIsForbidden, not invalid: it comes of what the source holds, and who replaces what is immutable would
// delete what runs. Its words are the module's.
func TestADeniedTrialIsForbidden(t *testing.T) {
	result := refusesConfig
	result.Log = []string{"the field is immutable"}
	v, _ := tryingValidator(&stubTrials{result: result}, Enforce)
	resp := v.Handle(t.Context(), requestFor(t, admissionv1.Create, autoWasm()))
	if resp.Result.Code != 403 || !strings.Contains(resp.Result.Message, "'immutable'") || strings.Contains(resp.Result.Message, " immutable") {
		t.Errorf("%+v", resp.Result)
	}
}

// TestWordsOfModulesAreNotLogged: they may repeat the configuration, which is for who may read the AutoWasm.
func TestWordsOfModulesAreNotLogged(t *testing.T) {
	var logged strings.Builder
	logger := funcr.New(func(_, args string) { logged.WriteString(args) }, funcr.Options{Verbosity: 9})
	result := refusesConfig
	result.Log = []string{"the token s3cret"}
	v, _ := tryingValidator(&stubTrials{result: result}, Enforce)
	resp := v.Handle(ctrl.LoggerInto(context.WithoutCancel(t.Context()), logger), requestFor(t, admissionv1.Create, autoWasm()))
	if !strings.Contains(resp.Result.Message, "s3cret") || strings.Contains(logged.String(), "s3cret") || !strings.Contains(logged.String(), "proxy_on_configure returned false") {
		t.Errorf("denied by %q, logged %q", resp.Result.Message, logged.String())
	}
}
