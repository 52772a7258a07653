package mesh

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/e2e/envoy"
	"github.com/autowasm/autowasm/e2e/suite"
)

// told is what a status tells of the proxies, in short. A condition is its status and its reason, "True Synced", or ""
// where there is none.
type told struct {
	Phase                               v1alpha1.Phase
	Ready, Loaded, Stalled, Reconciling string
	Selected, Running                   int32
}

// running is told when all is well in so many proxies.
func running(n int32) told {
	return told{Phase: v1alpha1.PhaseSynced, Ready: "True Synced", Loaded: "True Running", Selected: n, Running: n}
}

// failed is told when nothing runs in one proxy, for a reason that only a user can take away.
func failed(reason string) told {
	is := "False " + reason
	return told{Phase: v1alpha1.PhaseFailed, Ready: is, Loaded: is, Stalled: "True " + reason, Selected: 1}
}

// tellingOf is what a status tells. Of conditions that are not of the newest generation it tells nothing.
func tellingOf(aw *v1alpha1.AutoWasm) told {
	s := told{Phase: aw.Status.Phase}
	fields := map[string]*string{
		v1alpha1.ConditionReady: &s.Ready, v1alpha1.ConditionProxiesLoaded: &s.Loaded,
		v1alpha1.ConditionStalled: &s.Stalled, v1alpha1.ConditionReconciling: &s.Reconciling,
	}
	for _, c := range aw.Status.Conditions {
		if field := fields[c.Type]; field != nil && c.ObservedGeneration == aw.Generation {
			*field = fmt.Sprintf("%s %s", c.Status, c.Reason)
		}
	}
	if p := aw.Status.Proxies; p != nil {
		s.Selected, s.Running = p.Selected, p.Running
	}
	return s
}

// waitTold waits until the status tells something of the newest generation, in these words. Where that is not success,
// it does not tell of success before.
func waitTold(t *testing.T, a autoWasm, want told, words ...string) *v1alpha1.AutoWasm {
	t.Helper()
	var found *v1alpha1.AutoWasm
	suite.Eventually(t, 2*suite.Patience, func(ctx context.Context) (err error) {
		if found, err = cluster.AutoWasm(ctx, a.space(), a.name); err != nil {
			return err
		}
		if isReady(found) && want.Ready != "True Synced" {
			t.Fatalf("%s is ready: %s", a.name, found.Status.Message)
		}
		return checkTold(found, want, words)
	})
	return found
}

func checkTold(aw *v1alpha1.AutoWasm, want told, words []string) error {
	if diff := cmp.Diff(want, tellingOf(aw)); diff != "" {
		return fmt.Errorf("%s tells (-want +got):\n%s%s", aw.Name, diff, aw.Status.Message)
	}
	for _, word := range words {
		if !strings.Contains(aw.Status.Message, word) {
			return fmt.Errorf("the status of %s does not say %q: %s", aw.Name, word, aw.Status.Message)
		}
	}
	return nil
}

// isReady is true when the newest generation is.
func isReady(aw *v1alpha1.AutoWasm) bool {
	return aw.Status.ObservedGeneration == aw.Generation && tellingOf(aw).Ready == "True Synced"
}

// requireTruth waits until an AutoWasm is ready and requires that its proxy gives an answer from that very moment, on
// each of its threads.
func requireTruth(t *testing.T, a autoWasm, url, want string) *v1alpha1.AutoWasm {
	t.Helper()
	began := time.Now()
	for time.Since(began) < 2*suite.Patience {
		aw, err := cluster.AutoWasm(t.Context(), a.space(), a.name)
		if err != nil {
			t.Fatal(err)
		}
		if isReady(aw) {
			for range 5 * proxyThreads {
				requireAnswer(t, url, want)
			}
			t.Logf("%s is ready with %q after %s", a.name, want, time.Since(began).Round(time.Millisecond))
			return aw
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("%s is not ready after %s", a.name, time.Since(began))
	return nil
}

// TestReadyMeansRunning changes an AutoWasm, and whenever it is ready the next request meets the change.
func TestReadyMeansRunning(t *testing.T) {
	t.Parallel()
	for i, v := range envoy.Versions() {
		t.Run(string(v), func(t *testing.T) {
			t.Parallel()
			w := workload(t, "ready"+string(rune('a'+i)))
			sidecar(t, w, ProxyOptions{Envoy: v})
			earth := pushModule(t, w.Name+":v1", moduleSaying(t, "earth"))
			marsx := pushModule(t, w.Name+":v2", moduleSaying(t, "marsx"))
			for _, s := range []struct {
				image, filter string
				port          int
				want          string
				loads         bool
			}{
				{earth, "", OtherPort, "200 earth", true},
				{earth, "config: blue", OtherPort, "200 blue", false},
				{marsx, "", OtherPort, "200 marsx", true},
				{earth, "", OtherPort, "200 earth", false}, // as it was, and as a former listener still is
				{earth, "", InboundPort, "200 earth", false},
				{earth, "config: {value: green}, vmID: other", InboundPort, "200 green", false},
				{marsx, "config: pink", OtherPort, "200 pink", false},
			} {
				began := metav1.NewTime(time.Now().Truncate(time.Second))
				a := onWorkload(w, w.Name, s.image, fmt.Sprintf("applyPorts: [%d], %s", s.port, s.filter))
				a.apply(t)
				aw := requireTruth(t, a, w.URL(s.port), s.want)
				if err := checkTold(aw, running(1), []string{"; 1 of 1 selected proxies run the module"}); err != nil {
					t.Error(err)
				}
				requireRequested(t, aw.Status.Proxies, s.loads, began)
			}
		})
	}
}

// requireRequested requires that one proxy has asked for the module, since some time if it has just loaded it.
func requireRequested(t *testing.T, p *v1alpha1.ProxiesStatus, loads bool, began metav1.Time) {
	t.Helper()
	switch {
	case p == nil || p.Requested != 1 || p.LastRequestTime == nil:
		t.Errorf("nobody asked for the module: %+v", p)
	case loads && p.LastRequestTime.Before(&began), p.LastRequestTime.After(time.Now()):
		t.Errorf("the module was last asked for at %s, it was applied at %s", p.LastRequestTime, began)
	}
}
