// SPDX-License-Identifier: Apache-2.0

package proxies

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

func endedAt(at time.Time) corev1.ContainerStateTerminated {
	return corev1.ContainerStateTerminated{FinishedAt: metav1.NewTime(at)}
}

// TestRestartOf: an end counts within a minute after the filter changed, then each other one.
func TestRestartOf(t *testing.T) {
	after := func(d time.Duration) time.Time { return testTime.Add(d) }
	of := func(first, last time.Duration, again bool) *restart {
		return &restart{first: after(first), last: after(last), again: again}
	}
	former := restart{first: after(-time.Hour), last: after(-time.Hour), former: true}
	for name, tt := range map[string]struct {
		known    *restart
		status   bool // says that some restarted
		restarts int32
		down     bool
		end      time.Duration
		want     *restart
	}{
		"never":                             {nil, false, 0, false, -time.Hour, nil},
		"before the change":                 {nil, false, 1, false, -time.Minute, nil},
		"before, by a clock that is behind": {nil, false, 1, false, -time.Second, of(-time.Second, -time.Second, false)},
		"soon after":                        {nil, false, 1, false, 3 * time.Second, of(3*time.Second, 3*time.Second, false)},
		"soon after, and not up":            {nil, false, 1, true, 3 * time.Second, of(3*time.Second, 3*time.Second, false)},
		"after a minute":                    {nil, false, 1, false, restartWindow, of(restartWindow, restartWindow, false)},
		"later":                             {nil, false, 5, true, restartWindow + 1, nil},
		"later, with a status":              {nil, true, 2, false, time.Hour, of(time.Hour, time.Hour, true)},
		"later, not up, with a status":      {nil, true, 1, true, time.Hour, of(time.Hour, time.Hour, true)},
		"another one, with a status":        {nil, true, 1, false, time.Hour, nil},
		"before the change, with a status":  {nil, true, 9, true, -time.Hour, nil},
		"the same":                          {of(1, 1, false), false, 1, false, 1, of(1, 1, false)},
		"again":                             {of(1, 1, false), false, 2, false, time.Hour, of(1, time.Hour, true)},
		"and again":                         {of(1, time.Minute, true), false, 3, false, time.Hour, of(1, time.Hour, true)},
		"of the former filter":              {&former, false, 1, true, -time.Hour, &former},
		"also of the present one, late":     {&former, false, 2, true, time.Hour, of(time.Hour, time.Hour, true)},
	} {
		r := &record{changed: testTime, target: target{restarted: tt.status}}
		p := proxy{end: endedAt(after(tt.end)), down: tt.down, instance: instance{uid: "a", restarts: tt.restarts}}
		if tt.known != nil {
			r.restarts = map[types.UID]restart{"a": *tt.known}
		}
		got, ok := r.restartOf(p)
		var found *restart
		if ok {
			found = &got
		}
		if diff := cmp.Diff(tt.want, found, cmp.AllowUnexported(restart{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestHowAProxyEnded(t *testing.T) {
	for want, end := range map[string]corev1.ContainerStateTerminated{
		"": {Reason: "Completed"}, "exit code 139": {Reason: "Error", ExitCode: 139}, "OOMKilled, exit code 137": {Reason: "OOMKilled", ExitCode: 137},
		"ContainerStatusUnknown": {Reason: "ContainerStatusUnknown"}, "exit code 1": {Reason: string(make([]byte, 1000)), ExitCode: 1},
	} {
		if got := howEnded(end); got != want {
			t.Errorf("%+v: %q, want %q", end, got, want)
		}
	}
}

// crash has the proxy of a Pod end now with an exit code. It is started again, if it is to be up.
func (c *cluster) crash(name string, code int32, up bool) {
	now := time.Now().Truncate(time.Second)
	c.edit(func(c *cluster) {
		for i, pod := range c.pods {
			if pod.Name != name {
				continue
			}
			pod = pod.DeepCopy() // what was listed is not changed
			s := &pod.Status.ContainerStatuses[1]
			s.RestartCount++
			s.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{ExitCode: code, Reason: "Error", FinishedAt: metav1.NewTime(now)}
			s.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}
			if up {
				s.State = runningSince(now.Add(time.Second))
			}
			c.pods[i] = pod
		}
	})
}

// up has the proxy of a Pod started.
func (c *cluster) up(name string) {
	now := time.Now()
	c.edit(func(c *cluster) {
		for i, pod := range c.pods {
			if pod.Name == name {
				pod = pod.DeepCopy()
				pod.Status.ContainerStatuses[1].State = runningSince(now)
				c.pods[i] = pod
			}
		}
	})
}

// requireRestarted compares what is reported of restarts.
func (r *running) requireRestarted(t *testing.T, restarted, isRunning int32, failure, words string) {
	t.Helper()
	s := r.known().snapshot
	got := ""
	if f := s.Failure(true); f != nil {
		got = f.Error()
	}
	if s.restarted != restarted || s.Running != isRunning || got != failure || s.Restarts() != words {
		t.Errorf("%d of %d restarted, %d run\nfailure: %s\nwant:    %s\nwords: %s\nwant:  %s", s.restarted, s.Selected, s.Running, got, failure, s.Restarts(), words)
	}
}

const (
	restartedOnce = "the proxy of Pod shop/a restarted 5s after the filter changed (exit code 139)"
	notUp         = "1 of 2 selected proxies run the module; the proxy of Pod shop/a has ended 5s after the filter changed (exit code 139) and is not up again" + restartRemedy
	goesOn        = "1 of 2 selected proxies run the module; the proxy of Pod shop/a restarts again and again, first 5s after the filter changed (exit code 139)" + restartRemedy
)

// TestAProxyThatRestartsOnce: it is reported for as long as the filter stays, and the AutoWasm is Ready when it runs again.
func TestAProxyThatRestartsOnce(t *testing.T) {
	inMesh(t, func(t *testing.T, r *running) {
		r.run("a", "10.0.0.1", runs(plugin1))
		r.run("b", "10.0.0.2", runs(plugin1))
		r.put(inCluster())
		pass(5 * time.Second)
		r.requireRestarted(t, 0, 2, "", "")
		r.crash("a", 139, false)
		pass(time.Minute)
		r.requireRestarted(t, 1, 1, notUp, restartedOnce)
		r.up("a")
		pass(time.Minute)
		r.requireRestarted(t, 1, 2, "", restartedOnce)
		if c := r.known().snapshot.Condition(); c.Message != "2 of 2 selected proxies run the module; "+restartedOnce {
			t.Errorf("ProxiesLoaded says %q", c.Message)
		}
		r.changes()
		pass(24 * time.Hour)
		r.requireRestarted(t, 1, 2, "", restartedOnce)
		if changes := r.changes(); changes != nil {
			t.Errorf("reported again: %v", changes)
		}
		r.crash("b", 1, true) // a day after the change
		pass(time.Minute)
		r.requireRestarted(t, 1, 2, "", restartedOnce)
		r.put(inCluster(secondGeneration))
		r.answer("10.0.0.1", runs(plugin2))
		r.answer("10.0.0.2", runs(plugin2))
		pass(time.Minute)
		r.requireRestarted(t, 0, 2, "", "")
	})
}

// TestAProxyThatRestartsAgainAndAgain is not Ready until it has run for ten minutes, or the filter has changed.
func TestAProxyThatRestartsAgainAndAgain(t *testing.T) {
	inMesh(t, func(t *testing.T, r *running) {
		r.run("a", "10.0.0.1", runs(plugin1))
		r.run("b", "10.0.0.2", runs(plugin1))
		r.put(inCluster())
		pass(5 * time.Second)
		r.crash("a", 139, true)
		pass(45 * time.Second)
		r.requireRestarted(t, 1, 2, "", restartedOnce)
		for _, backoff := range []time.Duration{40 * time.Second, 5 * time.Minute} {
			r.crash("a", 139, false)
			pass(backoff)
			r.requireRestarted(t, 1, 1, goesOn, restartedOnce)
			r.up("a")
			pass(30 * time.Second)
			r.requireRestarted(t, 1, 1, goesOn, restartedOnce)
		}
		pass(calmTime)
		r.requireRestarted(t, 1, 2, "", restartedOnce)

		r.crash("a", 139, false) // an hour later, but it has before
		pass(time.Minute)
		r.requireRestarted(t, 1, 1, goesOn, restartedOnce)
		r.answer("10.0.0.1", runs(plugin2))
		r.answer("10.0.0.2", runs(plugin2))
		r.put(inCluster(secondGeneration)) // while it is not up
		pass(time.Minute)
		r.requireRestarted(t, 0, 1, "1 of 2 selected proxies run the module; the proxy of Pod shop/a has ended (exit code 139) and is not up again"+restartRemedy, "")
		r.up("a")
		pass(time.Minute)
		r.requireRestarted(t, 0, 2, "", "")
	})
}

// TestRestartsOutliveAPause: of a target that was not in force for a while.
func TestRestartsOutliveAPause(t *testing.T) {
	inMesh(t, func(t *testing.T, r *running) {
		r.run("a", "10.0.0.1", runs(plugin1))
		r.put(inCluster())
		pass(5 * time.Second)
		r.crash("a", 139, true)
		pass(time.Minute)
		r.requireRestarted(t, 1, 1, "", restartedOnce)
		r.put(inCluster(notApplied))
		pass(time.Minute)
		r.put(inCluster())
		pass(time.Minute)
		if s := r.known().snapshot; s.restarted != 1 {
			t.Errorf("%d restarted", s.restarted)
		}
	})
}

// TestRestartsBetweenTwoScrapes are counted, though the Pod shows the last one alone.
func TestRestartsBetweenTwoScrapes(t *testing.T) {
	inMesh(t, func(t *testing.T, r *running) {
		r.run("a", "10.0.0.1", runs(plugin1))
		r.put(inCluster())
		pass(5 * time.Second)
		r.crash("a", 139, true)
		time.Sleep(5 * time.Second)
		r.crash("a", 139, true)
		pass(time.Minute)
		if f := r.known().snapshot.Failure(true); f == nil || f.Reason != v1alpha1.ReasonProxyRestarted || !f.Terminal {
			t.Errorf("failure %v", f)
		}
	})
}

// TestRestartsOutliveTheLeader: a new one knows by the Pods and the status what the former one knew.
func TestRestartsOutliveTheLeader(t *testing.T) {
	inMesh(t, func(t *testing.T, r *running) {
		changed := time.Now()
		r.run("a", "10.0.0.1", runs(plugin1))
		r.run("b", "10.0.0.2", runs(plugin1))
		time.Sleep(5 * time.Second)
		r.crash("a", 139, true)
		time.Sleep(time.Hour)
		status := loaded(metav1.ConditionTrue, v1alpha1.ReasonRunning, &v1alpha1.ProxiesStatus{Selected: 2, Running: 2, Restarted: 1})
		r.put(inCluster(written(changed), status))
		synctest.Wait()
		pass(time.Minute)
		r.requireRestarted(t, 1, 2, "", restartedOnce)
	})
	inMesh(t, func(t *testing.T, r *running) {
		changed := time.Now()
		r.run("a", "10.0.0.1", runs(plugin1))
		r.run("b", "10.0.0.2", runs(plugin1))
		time.Sleep(5 * time.Second)
		r.crash("a", 139, false)
		time.Sleep(time.Hour)
		r.crash("a", 139, false)
		status := loaded(metav1.ConditionFalse, v1alpha1.ReasonProxyRestarted, &v1alpha1.ProxiesStatus{Selected: 2, Running: 1, Restarted: 1})
		r.put(inCluster(written(changed), status))
		pass(time.Minute)
		if f := r.known().snapshot.Failure(true); f == nil || f.Reason != v1alpha1.ReasonProxyRestarted || !f.Terminal {
			t.Errorf("failure %v", f)
		}
	})
}

// TestAProxyThatIsDownForAnotherReason is not selected, as ever.
func TestAProxyThatIsDownForAnotherReason(t *testing.T) {
	inMesh(t, func(t *testing.T, r *running) {
		r.run("a", "10.0.0.1", runs(plugin1))
		r.run("b", "10.0.0.2", runs(plugin1))
		r.put(inCluster())
		pass(2 * time.Minute)
		r.crash("a", 139, false)
		pass(time.Minute)
		if s := r.known().snapshot; s.Selected != 1 || s.Failure(true) != nil {
			t.Errorf("snapshot %+v", s)
		}
	})
}
