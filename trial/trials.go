// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/cache"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/fairness"
	"github.com/autowasm/autowasm/internal/ttlcache"
	"github.com/autowasm/autowasm/render"
)

const (
	// DefaultMemory is what all trials at once may take, in bytes of memory that can be written: less than 512 MiB of it is
	// ever resident, see untouched, beside at most MaxOvershoot in each. One of 24.5 MB needs 560 MiB.
	DefaultMemory = 512<<20 + untouched
	// MaxOvershoot is what a process of a trial may take beyond its share, if its module is made for that: the rest of an arena
	// of Go's heap.
	MaxOvershoot = 80 << 20
	// MinMemory is the least with which anything can be tried.
	MinMemory = childMemory + 16<<20
	// DefaultTime bounds the processor time of one trial, which a busy machine does not lengthen. One that needs more than half
	// of the memory has half of it: the others wait for its end.
	DefaultTime = 10 * time.Second
)

const (
	// untouched is what each process of a trial can write and never does: 32 MiB are the index of Go's heap, which has an
	// entry for each possible arena, and 32 MiB are for the entropy of FIPS 140, which is not in force without a variable of
	// the environment.
	untouched = 64 << 20
	// childMemory is what a child takes beside its module, most of it for what wasmer does at its start and for the runtime of
	// Go: about 90 MiB, of which 40 are resident.
	childMemory = 112 << 20
	// memoryPerByte is what a byte of a module takes, compiled and configured.
	memoryPerByte = 22
	// maxTasks bounds the trials that run or wait, maxTasksOfOne those that one namespace began. Of these, keptTasks are kept
	// for namespaces that have none.
	maxTasks      = 256
	maxTasksOfOne = maxTasks / 4
	keptTasks     = maxTasks / 4
	// maxResults bounds the results that are kept.
	maxResults = 4096
	// resultTTL is for how long they are, endedTTL for how long those are of trials that came to no end.
	resultTTL = time.Hour
	endedTTL  = time.Minute
)

// Options are what Trials work with.
type Options struct {
	// Open opens the module of a sha256 for reading, from its first byte. Required.
	Open func(sha256 string) (*os.File, error)
	// Memory of all trials at once, in bytes; 0 means DefaultMemory. A module that needs more has all of it, and may not
	// come to an end.
	Memory int64
	// Time of the processor for one trial, which ends after 12 times as long in any case; 0 means DefaultTime.
	Time time.Duration
	// Program whose main function calls Child if its only argument is Argument; "" means the one that runs.
	Program string
	// Now is the clock of what is kept; nil means time.Now.
	Now func() time.Time
}

// Request is a trial to be made.
type Request struct {
	// Namespace for which it is made.
	Namespace string
	// SHA256 and Size of the module.
	SHA256 string
	Size   int64
	// Settings of the filter.
	Settings render.Settings
	// Again has the module tried although it was a moment ago, if that trial came to no end.
	Again bool
}

// key is all that the outcome depends on.
type key [sha256.Size]byte

// key returns that of r. Without the names, which few modules use, it is that of every AutoWasm of the same configuration.
func (r Request) key(named bool) key {
	if !named {
		r.Settings.Plugin, r.Settings.VMID = "", ""
	}
	raw, _ := json.Marshal(struct { // strings always encode
		SHA256   string
		Settings render.Settings
	}{r.SHA256, r.Settings})
	return sha256.Sum256(raw)
}

// Trials makes trials, each in a process of its own. Its methods may be called concurrently.
type Trials struct {
	o       Options
	memory  *fairness.Budget
	results *cache.LRUExpireCache // key -> Result, named ones by the key with the names
	metrics *metrics
	// run makes a trial with so much memory; tests replace it.
	run func(r Request, memory int64) Result

	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu      sync.Mutex // nothing begins while ctx is cancelled
	running map[key]*Task
	begun   fairness.Counter[string] // of those that run or wait, by namespace
}

// New makes Trials. All that they do ends with Stop. No program that this one starts inherits a file from then on, but those
// that it is given.
func New(o Options) *Trials {
	o.Memory, o.Time, o.Program = cmp.Or(o.Memory, DefaultMemory), cmp.Or(o.Time, DefaultTime), cmp.Or(o.Program, thisProgram())
	if o.Now == nil {
		o.Now = time.Now
	}
	keepFiles()
	ctx, cancel := context.WithCancel(context.Background())
	t := &Trials{
		o:       o,
		memory:  fairness.NewBudget(o.Memory),
		results: ttlcache.New(maxResults, o.Now),
		metrics: newMetrics(),
		ctx:     ctx, cancel: cancel,
		running: map[key]*Task{},
		begun:   fairness.NewCounter[string](maxTasksOfOne),
	}
	t.run = t.inProcess
	return t
}

// Stop ends the trials that run, and waits for their processes.
func (t *Trials) Stop() {
	t.mu.Lock()
	t.cancel()
	t.mu.Unlock()
	t.work.Wait()
}

// Begin returns the task of a trial, which has ended if the result is known. It is nil while too many others wait.
func (t *Trials) Begin(r Request) *Task {
	if known, ok := t.known(r); ok {
		return EndedTask(known)
	}
	key := r.key(true)
	t.mu.Lock()
	defer t.mu.Unlock()
	if task := t.running[key]; task != nil {
		return task
	}
	if t.ctx.Err() != nil || t.full(r.Namespace) {
		return nil
	}
	task := newTask()
	t.running[key] = task
	t.begun.Add(r.Namespace)
	t.work.Go(func() { t.end(r, task, t.try(r)) })
	return task
}

// full reports whether no more trials of a namespace may wait. The caller holds t.mu.
func (t *Trials) full(namespace string) bool {
	if t.begun.Count(namespace) == 0 {
		return len(t.running) >= maxTasks
	}
	return len(t.running) >= maxTasks-keptTasks || t.begun.Full(namespace)
}

// known returns the result of a trial that was made under the same names, or for which these do not count.
func (t *Trials) known(r Request) (Result, bool) {
	for _, named := range []bool{false, true} {
		known, ok := t.results.Get(r.key(named))
		if ok && !(r.Again && known.(Result).Reason == v1alpha1.ReasonTrialEnded) {
			return known.(Result), true
		}
	}
	return Result{}, false
}

// end makes a result known, and keeps it.
func (t *Trials) end(r Request, task *Task, result Result) {
	ttl := resultTTL
	if result.Reason == v1alpha1.ReasonTrialEnded {
		ttl = endedTTL
	}
	t.results.Add(r.key(result.Named), result, ttl)
	t.mu.Lock()
	delete(t.running, r.key(true))
	t.begun.Remove(r.Namespace)
	t.mu.Unlock()
	task.end(result)
}

// try makes a trial once there is memory for it. The same may have been tried meanwhile, under another name.
func (t *Trials) try(r Request) Result {
	memory := min(childMemory+memoryPerByte*r.Size, t.o.Memory)
	release, err := t.memory.Acquire(t.ctx, r.Namespace, memory)
	if err != nil {
		return ended("the server stops")
	}
	defer release()
	if known, ok := t.known(r); ok {
		return known
	}
	began := t.o.Now()
	result := t.run(r, memory)
	t.metrics.tried(t.o.Now().Sub(began), result)
	return result
}

// inProcess makes a trial in a process.
func (t *Trials) inProcess(r Request, memory int64) Result {
	wasm, err := t.o.Open(r.SHA256)
	if err != nil {
		return ended(fmt.Sprintf("the module cannot be read, %v", err))
	}
	defer wasm.Close() //nolint:errcheck // only read
	return runChild(t.ctx, t.o.Program, job{Settings: r.Settings, Size: r.Size, Data: memory, Time: t.timeFor(memory)}, wasm)
}

// timeFor is how much processor time a trial with so much memory may take.
func (t *Trials) timeFor(memory int64) time.Duration {
	if 2*memory > t.o.Memory {
		return t.o.Time / 2
	}
	return t.o.Time
}
