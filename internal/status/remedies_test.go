// SPDX-License-Identifier: Apache-2.0

package status

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/proxies"
)

// uneventful are reasons of conditions that have not failed, or that wait for another.
var uneventful = []v1alpha1.Reason{
	v1alpha1.ReasonSynced, v1alpha1.ReasonResolved, v1alpha1.ReasonVerified, v1alpha1.ReasonApplied, v1alpha1.ReasonWaiting,
	v1alpha1.ReasonPreviousInForce, v1alpha1.ReasonRunning, v1alpha1.ReasonNoTraps, v1alpha1.ReasonTrapsUnseen, v1alpha1.ReasonSwept,
	v1alpha1.ReasonConfigAccepted, v1alpha1.ReasonSchemaNotUsed,
	v1alpha1.ReasonNothingFound, v1alpha1.ReasonTrialPassed, v1alpha1.ReasonDependsOnProxy, v1alpha1.ReasonTrialEnded,
}

// TestEveryReasonHasARemedy: what to do is said for every reason for which an AutoWasm can fail.
func TestEveryReasonHasARemedy(t *testing.T) {
	source, err := os.ReadFile("../../api/v1alpha1/conditions.go")
	if err != nil {
		t.Fatal(err)
	}
	reasons := regexp.MustCompile(`Reason = "([A-Za-z]+)"`).FindAllStringSubmatch(string(source), -1)
	if len(reasons) < 40 {
		t.Fatalf("the reasons are not found any more: %v", reasons)
	}
	for _, match := range reasons {
		reason := v1alpha1.Reason(match[1])
		if has := remedies[reason] != ""; has == slices.Contains(uneventful, reason) {
			t.Errorf("the reason %s has a remedy: %v", reason, has)
		}
	}
}

// TestRemediesAreFilledIn: no placeholder is left, whatever the AutoWasm has.
func TestRemediesAreFilledIn(t *testing.T) {
	aw := &v1alpha1.AutoWasm{}
	for reason, do := range remedies {
		if filled := fill(do, aw, "p"); strings.ContainsAny(filled, "{}") {
			t.Errorf("%s: %s", reason, filled)
		}
	}
}

// TestStatesAreThoseOfPackageProxies, whose words are in the status; this client is free of what that package needs.
func TestStatesAreThoseOfPackageProxies(t *testing.T) {
	for _, state := range []proxies.State{
		proxies.Trapping, proxies.Loading, proxies.LoadFailing, proxies.NotInserted, proxies.Rejected, proxies.LoadFailed,
		proxies.StartFailed, proxies.Restarting, proxies.CrashLooping, proxies.Unknown,
	} {
		if remedies[stateReasons[string(state)]] == "" {
			t.Errorf("nothing is said to do about the state %s", state)
		}
	}
	if len(stateReasons) != 10 {
		t.Errorf("there are %d states", len(stateReasons))
	}
}
