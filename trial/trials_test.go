// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/render"
)

// TestClean: a child that was taken over has nothing else in the status than a reason, and lines of a length.
func TestClean(t *testing.T) {
	long := strings.Repeat("x", 1<<16)
	hostile := Result{Reason: v1alpha1.ReasonModuleTraps, Callback: long, Message: "a\x1b[2J\nb" + long, Log: []string{long, "\xff", "3", "4", "5", "6", "7", "8", "9"}}
	got := hostile.clean()
	if len(got.Callback) > maxLine || len(got.Message) > maxMessage || !strings.HasPrefix(got.Message, "a[2J b") || len(got.Log) != 8 || len(got.Log[0]) > maxLine || got.Log[1] != "�" {
		t.Errorf("%+v", got)
	}
	if got := (Result{Reason: v1alpha1.ReasonSynced}).clean(); got.Reason != v1alpha1.ReasonTrialEnded {
		t.Errorf("%+v", got)
	}
}

// stub has trials take a second each, and counts.
type stub struct {
	mu            sync.Mutex
	memory, most  int64
	atOnce, peak  int
	ofOne, peakOf map[string]int
	made          int
}

func (s *stub) run(r Request, memory int64) Result {
	s.count(r.Namespace, 1, memory)
	time.Sleep(time.Second)
	s.count(r.Namespace, -1, -memory)
	return Result{Reason: v1alpha1.ReasonTrialPassed}
}

func (s *stub) count(namespace string, n int, memory int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.memory, s.atOnce = s.memory+memory, s.atOnce+n
	s.ofOne[namespace] += n
	s.most, s.peak, s.peakOf[namespace] = max(s.most, s.memory), max(s.peak, s.atOnce), max(s.peakOf[namespace], s.ofOne[namespace])
	if n > 0 {
		s.made++
	}
}

// stubbed makes Trials whose trials are those of a stub.
func stubbed(t *testing.T) (*Trials, *stub) {
	t.Helper()
	s := &stub{ofOne: map[string]int{}, peakOf: map[string]int{}}
	trials := New(Options{})
	trials.run = s.run
	t.Cleanup(trials.Stop)
	return trials, s
}

// numbered is a trial that differs from others by its number.
func numbered(namespace string, n int, size int64) Request {
	return Request{Namespace: namespace, SHA256: fmt.Sprint(n), Size: size}
}

// TestManyAtOnce: a hundred trials take no more memory at once than there is, and end.
func TestManyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trials, s := stubbed(t)
		var tasks []*Task
		for n := range 100 {
			size := []int64{100 << 10, 100 << 10, 3 << 20, 25 << 20}[n%4]
			tasks = append(tasks, trials.Begin(numbered(fmt.Sprint("team-", n%5), n, size)))
		}
		for n, task := range tasks {
			if task == nil {
				t.Fatalf("trial %d could not begin", n)
			}
			<-task.Done()
		}
		if s.most > DefaultMemory || s.peak < 2 || s.made != 100 {
			t.Errorf("%d MiB and %d trials at once, %d in all", s.most>>20, s.peak, s.made)
		}
	})
}

// TestTrialsOfOneNamespace leave memory and room in the queue for others.
func TestTrialsOfOneNamespace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trials, s := stubbed(t)
		begun := 0
		for n := range 100 {
			if trials.Begin(numbered("much", n, 1000)) != nil {
				begun++
			}
		}
		began := time.Now()
		<-trials.Begin(numbered("little", 1000, 1000)).Done()
		took := time.Since(began)
		trials.Stop()
		if took > time.Second || begun != maxTasksOfOne || 2*s.peakOf["much"]*childMemory >= DefaultMemory {
			t.Errorf("%s for another namespace; %d begun, %d of them at once", took, begun, s.peakOf["much"])
		}
	})
}

// TestLoopingTrialsOfOneNamespace have no other wait that fits beside them; and for one that takes all memory, no longer than
// for its end.
func TestLoopingTrialsOfOneNamespace(t *testing.T) {
	const quick = 50 * time.Millisecond
	for name, tt := range map[string]struct {
		size  int64
		waits time.Duration
	}{
		"small":                {100 << 10, 0},
		"less than half of it": {7 << 20, 0},
		"more than half of it": {12 << 20, 0},
		"all of it":            {24 << 20, DefaultTime / 2},
		"more than there is":   {1 << 30, DefaultTime / 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				trials, _ := stubbed(t)
				var looped atomic.Int32
				trials.run = func(r Request, memory int64) Result {
					if r.Namespace != "much" {
						time.Sleep(quick)
						return Result{Reason: v1alpha1.ReasonTrialPassed}
					}
					time.Sleep(trials.timeFor(memory))
					looped.Add(1)
					return ended("it took longer")
				}
				for n := range maxTasksOfOne {
					trials.Begin(numbered("much", n, tt.size))
				}
				for n := range 20 {
					time.Sleep(1300 * time.Millisecond)
					began := time.Now()
					<-trials.Begin(numbered(fmt.Sprint("shop-", n%3), 1000+n, 100<<10)).Done()
					if took := time.Since(began); took > tt.waits+quick {
						t.Errorf("trial %d took %s", n, took)
					}
				}
				if looped.Load() < 2 {
					t.Errorf("%d of those that loop ended: they wait for others", looped.Load())
				}
				trials.Stop()
			})
		})
	}
}

// TestFullQueue: however many trials of some namespaces wait, one that has none may have one, and there is an end to that.
func TestFullQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trials, _ := stubbed(t)
		begun := map[string]int{}
		for n := range maxTasks {
			for hog := range 4 {
				namespace := fmt.Sprint("much-", hog)
				if trials.Begin(numbered(namespace, 1000*hog+n, 1000)) != nil {
					begun[namespace]++
				}
			}
		}
		for n := range maxTasks {
			if trials.Begin(numbered(fmt.Sprint("little-", n), 10_000+n, 1000)) != nil {
				begun["little"]++
			}
		}
		const each = (maxTasks - keptTasks) / 4
		want := map[string]int{"much-0": each, "much-1": each, "much-2": each, "much-3": each, "little": keptTasks}
		if diff := cmp.Diff(want, begun); diff != "" {
			t.Errorf("begun (-want +got):\n%s", diff)
		}
		trials.Stop()
	})
}

// TestResultsAreKept for a time, those of trials that came to no end for a short one. The same trial is made once.
func TestResultsAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trials, s := stubbed(t)
		reason := v1alpha1.ReasonTrialPassed
		made := trials.run
		trials.run = func(r Request, memory int64) Result {
			made(r, memory)
			return Result{Reason: reason}
		}
		one := numbered("a", 1, 1000)
		same := one
		same.Namespace = "b" // what is the same for all is known for all
		if first, second := trials.Begin(one), trials.Begin(one); first != second {
			t.Error("the same trial began twice")
		}
		for _, tt := range []struct {
			wait time.Duration
			r    Request
			made int
		}{{2 * time.Second, one, 1}, {0, same, 1}, {resultTTL - 10*time.Second, one, 1}, {20 * time.Second, one, 2}} {
			time.Sleep(tt.wait)
			<-trials.Begin(tt.r).Done()
			if s.made != tt.made {
				t.Errorf("after %s %d trials were made, want %d", tt.wait, s.made, tt.made)
			}
		}
		reason = v1alpha1.ReasonTrialEnded
		two := numbered("a", 2, 1000)
		<-trials.Begin(two).Done()
		time.Sleep(endedTTL + time.Second)
		<-trials.Begin(two).Done()
		if s.made != 4 {
			t.Errorf("a trial without an end is kept: %d", s.made)
		}
		two.Again = true
		<-trials.Begin(two).Done()
		one.Again = true // has an end
		reason = v1alpha1.ReasonTrialPassed
		<-trials.Begin(one).Done()
		if s.made != 5 {
			t.Errorf("%d trials, want one again of what came to no end", s.made)
		}
		registry := prometheus.NewRegistry()
		if err := trials.Register(registry); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]uint64{"TrialPassed": 2, "TrialEnded": 3}, timed(t, registry)); diff != "" {
			t.Errorf("wasmer_trial_duration_seconds by outcome (-want +got):\n%s", diff)
		}
	})
}

// timed returns how many trials were timed, by outcome.
func timed(t *testing.T, registry *prometheus.Registry) map[string]uint64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]uint64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			counts[m.GetLabel()[0].GetValue()] = m.GetHistogram().GetSampleCount()
		}
	}
	return counts
}

// TestTrialsUnderOtherNames: what does not use its names is tried once, whatever it is called, and what does each time.
func TestTrialsUnderOtherNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, named := range []bool{false, true} {
			trials, s := stubbed(t)
			made := trials.run
			trials.run = func(r Request, memory int64) Result {
				result := made(r, memory)
				result.Named = named
				return result
			}
			for round := range 2 {
				var tasks []*Task
				for n := range 40 {
					tasks = append(tasks, trials.Begin(Request{Namespace: "a", SHA256: "s", Settings: render.Settings{VMID: fmt.Sprint(n)}}))
				}
				for _, task := range tasks {
					<-task.Done()
				}
				want := 2 // all that run at once for one namespace, before the first has ended
				if named {
					want = 40
				}
				if s.made != want {
					t.Errorf("round %d, named %v: %d trials, want %d", round, named, s.made, want)
				}
			}
		}
	})
}

// TestKey: a trial depends on all that a filter is given.
func TestKey(t *testing.T) {
	base := Request{SHA256: "s", Settings: render.Settings{Plugin: "p", RootID: "r", VMID: "v", Configuration: "c", Env: [][2]string{{"A", "b"}}, HostEnv: []string{"H"}}}
	keys := map[key]string{base.key(true): "base"}
	for name, change := range map[string]func(*Request){
		"sha256": func(r *Request) { r.SHA256 = "t" }, "plugin": func(r *Request) { r.Settings.Plugin = "q" },
		"rootID": func(r *Request) { r.Settings.RootID = "s" }, "vmID": func(r *Request) { r.Settings.VMID = "w" },
		"config": func(r *Request) { r.Settings.Configuration = "d" }, "env": func(r *Request) { r.Settings.Env = [][2]string{{"A", "c"}} },
		"host env": func(r *Request) { r.Settings.HostEnv = nil },
	} {
		r := base
		change(&r)
		if same := keys[r.key(true)]; same != "" {
			t.Errorf("%s and %s have one key", name, same)
		}
		keys[r.key(true)] = name
		isName := name == "plugin" || name == "vmID"
		if same := r.key(false) == base.key(false); same != isName {
			t.Errorf("without the names, another %s is the same: %v", name, same)
		}
	}
	other := base
	other.Namespace = "another"
	if diff := cmp.Diff(base.key(true), other.key(true)); diff != "" {
		t.Errorf("the key depends on who asks: %s", diff)
	}
}
