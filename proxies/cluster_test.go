// SPDX-License-Identifier: Apache-2.0

package proxies

import (
	"context"
	"errors"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/peer"
	"github.com/autowasm/autowasm/internal/sleep"
	"github.com/autowasm/autowasm/render"
)

// cluster is a cache whose proxies answer from memory, and all else that a Reconciler reads.
type cluster struct {
	mu          sync.Mutex
	applied     map[types.NamespacedName]applied
	pods        []*corev1.Pod
	answers     map[string]answer // by IP address; one that is missing is unreachable
	scrapes     []scrapeCall
	atOnce      int // how many are being scraped
	mostOnce    int
	listErr     error
	accesses    map[string]peer.Access
	rejections  map[string]string
	istiodCalls int
	brokenErr   error // of accesses and rejections
}

// answer is what a proxy answers, after some time.
type answer struct {
	Report
	err  error
	took time.Duration
}

// scrapeCall is one scrape of a proxy.
type scrapeCall struct {
	ip     string
	at     time.Time
	maxAge time.Duration
}

var errUnreachable = errors.New("no answer")

func (c *cluster) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	a, ok := c.applied[key]
	switch into := into.(type) {
	case *v1alpha1.AutoWasm:
		if ok && a.aw != nil {
			a.aw.DeepCopyInto(into)
			return nil
		}
	case *unstructured.Unstructured:
		if ok && a.ef != nil {
			a.ef.DeepCopyInto(into)
			return nil
		}
	}
	return apierrors.NewNotFound(schema.GroupResource{}, key.Name)
}

func (c *cluster) List(_ context.Context, list client.ObjectList, opts ...client.ListOption) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var o client.ListOptions
	o.ApplyOptions(opts)
	into := list.(*corev1.PodList)
	for _, pod := range c.pods {
		if (o.Namespace == "" || o.Namespace == pod.Namespace) && o.LabelSelector.Matches(labels.Set(pod.Labels)) {
			into.Items = append(into.Items, *pod)
		}
	}
	return c.listErr
}

func (c *cluster) Scrape(ctx context.Context, ip string, maxAge time.Duration) (Report, error) {
	a := c.begin(ip, maxAge)
	defer c.end()
	if err := sleep.For(ctx, a.took); err != nil {
		return Report{}, err
	}
	a.At = time.Now()
	return a.Report, a.err
}

func (c *cluster) begin(ip string, maxAge time.Duration) answer {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.scrapes = append(c.scrapes, scrapeCall{ip, time.Now(), maxAge})
	c.atOnce++
	c.mostOnce = max(c.mostOnce, c.atOnce)
	a, ok := c.answers[ip]
	if !ok {
		a.err = errUnreachable
	}
	return a
}

func (c *cluster) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.atOnce--
}

func (c *cluster) Collect(context.Context, string) (map[string]peer.Access, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.accesses, c.brokenErr
}

func (c *cluster) Rejections(context.Context) (map[string]string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.istiodCalls++
	return c.rejections, c.brokenErr
}

// run adds a Pod whose proxy has started just now and answers so.
func (c *cluster) run(name, ip string, a answer) {
	now := time.Now()
	c.edit(func(c *cluster) {
		c.pods = append(c.pods, sidecarPod(name, ip, func(pod *corev1.Pod) {
			for i := range pod.Status.ContainerStatuses {
				pod.Status.ContainerStatuses[i].State = runningSince(now)
			}
		}))
		if c.answers == nil {
			c.answers = map[string]answer{}
		}
		c.answers[ip] = a
	})
}

// answer has the proxy at an address answer otherwise from now on.
func (c *cluster) answer(ip string, a answer) { c.edit(func(c *cluster) { c.answers[ip] = a }) }

// remove deletes a Pod.
func (c *cluster) remove(name string) {
	c.edit(func(c *cluster) {
		kept := c.pods[:0:0]
		for _, pod := range c.pods {
			if pod.Name != name {
				kept = append(kept, pod)
			}
		}
		c.pods = kept
	})
}

func (c *cluster) edit(edit func(*cluster)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	edit(c)
}

// scraped returns the scrapes since the last call.
func (c *cluster) scraped() []scrapeCall {
	c.mu.Lock()
	defer c.mu.Unlock()
	scrapes := c.scrapes
	c.scrapes = nil
	return scrapes
}

// concurrency returns how many proxies are being scraped, and were at most at once.
func (c *cluster) concurrency() (now, most int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.atOnce, c.mostOnce
}

// gaps are the times between scrapes.
func gaps(scrapes []scrapeCall) []time.Duration {
	var out []time.Duration
	for i := 1; i < len(scrapes); i++ {
		out = append(out, scrapes[i].at.Sub(scrapes[i-1].at))
	}
	return out
}

// What a proxy of two workers answers.
func runs(p render.Plugin) answer {
	return answer{Report: Report{Workers: 2, VMs: 4, Filters: []render.Plugin{shown(p)}}}
}

func waitsFor(p render.Plugin) answer {
	return answer{Report: Report{Workers: 2, Warming: 1, Filters: []render.Plugin{shown(p)}}}
}

func gaveUp(p render.Plugin) answer {
	return answer{Report: Report{Workers: 2, FetchFailures: 1, Filters: []render.Plugin{shown(p)}}}
}

func doesNotStart(p render.Plugin) answer {
	return answer{Report: Report{Workers: 2, FetchSuccesses: 1, Filters: []render.Plugin{shown(p)}}}
}

func unreachable(err error) answer { return answer{err: err} }

var withoutFilter = answer{Report: Report{Workers: 2}}

// after has an answer take some time.
func (a answer) after(took time.Duration) answer {
	a.took = took
	return a
}
