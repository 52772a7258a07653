// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/proxies"
)

// soon is how long after requests pass a status may say that they do not.
const soon = 10 * time.Second

// A request is what a stream sends again and again, each time on a connection of its own.
type request struct {
	path string // default: /
	body string // posts it; default: a GET
}

// send returns what a URL answers, in short, as answerOf does.
func (r request) send(ctx context.Context, url string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	method := http.MethodGet
	if r.body != "" {
		method = http.MethodPost
	}
	q, err := http.NewRequestWithContext(ctx, method, url+r.path, strings.NewReader(r.body))
	if err != nil {
		return "", err
	}
	q.Close = true
	response, err := http.DefaultClient.Do(q)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	return strings.TrimSpace(strconv.Itoa(response.StatusCode) + " " + strings.Join(response.Header.Values("hello"), ",")), nil
}

// A sample is what something was between two moments: the answer to a request, or whether a status says Ready.
type sample struct {
	from, to time.Time
	answer   string
	ready    bool
	message  string
}

// A recording has what a proxy answers to a steady stream of requests, and what the status says at the same time.
type recording struct {
	stop    context.CancelFunc
	streams sync.WaitGroup

	mu       sync.Mutex
	answers  []sample
	statuses []sample
	pages    []sample // of the proxy's statistics: ready where it had answered within two seconds
}

// record begins a recording of an AutoWasm, which need not be there yet.
func record(t *testing.T, a autoWasm, w *Workload, r request) *recording {
	ctx, stop := context.WithCancel(t.Context())
	rec, url := &recording{stop: stop}, w.URL(InboundPort)
	for range proxyThreads {
		rec.repeat(ctx, &rec.answers, 10*pause, func(ctx context.Context) sample { return answerSample(ctx, r, url) })
	}
	rec.repeat(ctx, &rec.statuses, 10*pause, func(ctx context.Context) sample { return statusSample(ctx, a) })
	rec.repeat(ctx, &rec.pages, 100*pause, func(ctx context.Context) sample { return pageSample(ctx, w.Pod.StatsURL()) })
	t.Cleanup(func() { rec.end() })
	return rec
}

func answerSample(ctx context.Context, r request, url string) sample {
	answer, err := r.send(ctx, url)
	if err != nil {
		answer = fmt.Sprint("no answer: ", err)
	}
	return sample{answer: answer}
}

func statusSample(ctx context.Context, a autoWasm) sample {
	aw, err := cluster.AutoWasm(ctx, a.space(), a.name)
	if err != nil {
		return sample{message: err.Error()}
	}
	return sample{ready: saysReady(aw), message: aw.Status.Message}
}

// pageSample is ready where a proxy shows its statistics in as much time as wasmer gives it.
func pageSample(ctx context.Context, url string) sample {
	ctx, cancel := context.WithTimeout(ctx, proxies.DefaultTimeout)
	defer cancel()
	_, err := answerOf(ctx, url)
	return sample{ready: err == nil}
}

// repeat takes samples until ctx is over. One that is under way then is finished.
func (r *recording) repeat(ctx context.Context, to *[]sample, every time.Duration, take func(context.Context) sample) {
	r.streams.Go(func() {
		for ctx.Err() == nil {
			began := time.Now()
			s := take(context.WithoutCancel(ctx))
			s.from, s.to = began, time.Now()
			r.mu.Lock()
			*to = append(*to, s)
			r.mu.Unlock()
			select {
			case <-ctx.Done():
			case <-time.After(every):
			}
		}
	})
}

// end stops the streams and puts the answers into the order in which they ended, as all else is.
func (r *recording) end() {
	r.stop()
	r.streams.Wait()
	slices.SortFunc(r.answers, func(a, b sample) int { return a.to.Compare(b.to) })
}

// disagreements are where a status was wrong about the answers: it said Ready before and after a request that the filter
// failed, or did not say so for longer than soon after every request was answered as wanted ("" is never) and the proxy's
// statistics could be seen.
func (r *recording) disagreements(want string) (all []string) {
	statuses := r.statuses
	for _, a := range r.answers {
		if i := lastBefore(statuses, a.from); strings.HasPrefix(a.answer, "503") && i >= 0 && statuses[i].ready && readyAfter(statuses[i:], a.to) {
			all = append(all, fmt.Sprintf("Ready at %s, and a request answered %q at %s: %s",
				clock(statuses[i].to), a.answer, clock(a.to), statuses[i].message))
		}
	}
	since, ok := passedSince(r.answers, want)
	seen := slices.IndexFunc(r.pages, func(p sample) bool { return p.ready && p.from.After(since) })
	if ok && seen >= 0 {
		all = append(all, pendingAfter(statuses, r.pages[seen].to)...)
	}
	return all
}

// lastBefore is the index of the last sample that ended before a moment, -1 for none.
func lastBefore(samples []sample, at time.Time) int {
	return slices.IndexFunc(samples, func(s sample) bool { return !s.to.Before(at) }) - 1
}

// readyAfter reports whether the first sample that began after a moment says Ready, and all before it.
func readyAfter(samples []sample, at time.Time) bool {
	for _, s := range samples {
		if !s.ready || s.from.After(at) {
			return s.ready
		}
	}
	return false
}

// passedSince is when the first of those requests ended after which each was answered as wanted.
func passedSince(answers []sample, want string) (since time.Time, ok bool) {
	if want == "" {
		return since, false
	}
	for _, a := range slices.Backward(answers) {
		if a.answer != want {
			return since, ok
		}
		since, ok = a.to, true
	}
	return since, ok
}

// pendingAfter are the samples that do not say Ready although requests have passed for a while.
func pendingAfter(statuses []sample, since time.Time) (all []string) {
	for _, s := range statuses {
		if !s.ready && s.from.Sub(since) > soon {
			all = append(all, fmt.Sprintf("requests pass since %s, and it is not Ready at %s: %s", clock(since), clock(s.from), s.message))
		}
	}
	return all
}

func clock(at time.Time) string { return at.Format("15:04:05.000") }

// TestDisagreements holds the rule itself to small recordings, in which times are seconds.
func TestDisagreements(t *testing.T) {
	t.Parallel()
	second := func(n float64) time.Time { return time.Unix(0, int64(n*float64(time.Second))).UTC() }
	status := func(at float64, ready bool) sample { return sample{from: second(at), to: second(at), ready: ready} }
	page := func(at float64, ready bool) sample { return sample{from: second(at), to: second(at), ready: ready} }
	answer := func(from, to float64, what string) sample {
		return sample{from: second(from), to: second(to), answer: what}
	}
	for name, tc := range map[string]struct {
		answers, statuses []sample
		want              int
	}{
		"passes, and is ready": {
			[]sample{answer(1, 2, "200"), answer(2, 3, "200 x"), answer(9, 10, "200 x")}, []sample{status(2, false), status(4, true)}, 0},
		"503 while it is ready":            {[]sample{answer(2, 3, "503")}, []sample{status(1, true), status(4, true)}, 1},
		"503 while it changes":             {[]sample{answer(2, 3, "503")}, []sample{status(1, true), status(4, false)}, 0},
		"503 before it is ready":           {[]sample{answer(2, 3, "503")}, []sample{status(1, false), status(4, true)}, 0},
		"503, not ready for a moment":      {[]sample{answer(2, 5, "503")}, []sample{status(1, true), status(4, false), status(6, true)}, 0},
		"503, and nothing is known before": {[]sample{answer(2, 3, "503")}, []sample{status(4, true)}, 0},
		"503, and nothing is known after":  {[]sample{answer(2, 3, "503")}, []sample{status(1, true)}, 0},
		"pending for ten seconds":          {[]sample{answer(2, 3, "200 x"), answer(19, 20, "200 x")}, []sample{status(16, false), status(17, true)}, 0},
		"pending for longer":               {[]sample{answer(2, 3, "200 x"), answer(19, 20, "200 x")}, []sample{status(16, false), status(17, false)}, 1},
		"pending again": {
			[]sample{answer(2, 3, "200 x"), answer(19, 20, "200 x")}, []sample{status(4, true), status(17, false), status(18, true)}, 1},
		"it passes late": {[]sample{answer(2, 3, "200 x"), answer(9, 10, "200"), answer(19, 20, "200 x")}, []sample{status(25, false)}, 0},
	} {
		r := &recording{answers: tc.answers, statuses: tc.statuses, pages: []sample{page(1, true), page(5, false), page(6, true)}}
		if got := r.disagreements("200 x"); len(got) != tc.want {
			t.Errorf("%s: %d disagreements, want %d: %s", name, len(got), tc.want, strings.Join(got, "; "))
		}
	}
	never := &recording{answers: []sample{answer(2, 3, "200 x")}, statuses: []sample{status(60, false)}, pages: []sample{page(4, true)}}
	if diff := cmp.Diff([]string(nil), never.disagreements("")); diff != "" {
		t.Error(diff)
	}
}
