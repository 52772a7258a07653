// SPDX-License-Identifier: Apache-2.0

package suite

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// AutoWasm reads an AutoWasm.
func (c *Cluster) AutoWasm(ctx context.Context, namespace, name string) (*v1alpha1.AutoWasm, error) {
	aw := &v1alpha1.AutoWasm{}
	err := c.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, aw)
	return aw, err
}

// A Check returns nil for an AutoWasm that is as a test wants it, or else what it still lacks.
type Check func(*v1alpha1.AutoWasm) error

// WaitFor waits until an AutoWasm passes all checks, and returns it as it was at that moment. The checks see every
// version of it that is written, as soon as it is: one may fail the test for what must never be.
func (c *Cluster) WaitFor(t testing.TB, namespace, name string, checks ...Check) *v1alpha1.AutoWasm {
	t.Helper()
	var found *v1alpha1.AutoWasm
	Eventually(t, func(ctx context.Context) (err error) {
		found, err = c.watchUntil(ctx, namespace, name, checks)
		return err
	})
	return found
}

// watchUntil reads an AutoWasm, and watches it from there until it passes all checks, or the watch ends. A watch alone
// could begin with a version that is older than what the test has just written.
func (c *Cluster) watchUntil(ctx context.Context, namespace, name string, checks []Check) (*v1alpha1.AutoWasm, error) {
	list := &v1alpha1.AutoWasmList{}
	only := &client.ListOptions{Namespace: namespace, FieldSelector: fields.OneTermEqualSelector("metadata.name", name)}
	if err := c.Client.List(ctx, list, only); err != nil {
		return nil, fmt.Errorf("read AutoWasm %s/%s: %w", namespace, name, err)
	}
	last := errors.New("it does not exist")
	for i := range list.Items {
		if last = passes(&list.Items[i], checks); last == nil {
			return &list.Items[i], nil
		}
	}
	only.Raw = &metav1.ListOptions{ResourceVersion: list.ResourceVersion}
	changes, err := c.Client.Watch(ctx, &v1alpha1.AutoWasmList{}, only)
	if err != nil {
		return nil, fmt.Errorf("watch AutoWasm %s/%s: %w", namespace, name, err)
	}
	defer changes.Stop()
	for change := range changes.ResultChan() {
		aw, ok := change.Object.(*v1alpha1.AutoWasm)
		switch {
		case !ok:
			return nil, fmt.Errorf("watch AutoWasm %s/%s: %s %v", namespace, name, change.Type, change.Object)
		case change.Type == watch.Deleted:
			last = errors.New("it was deleted")
		default:
			if last = passes(aw, checks); last == nil {
				return aw, nil
			}
		}
	}
	return nil, fmt.Errorf("AutoWasm %s/%s: %w", namespace, name, last)
}

// passes returns nil for an AutoWasm that passes all checks, or else what the first lacks, and the status.
func passes(aw *v1alpha1.AutoWasm, checks []Check) error {
	for _, check := range checks {
		if err := check(aw); err != nil {
			return fmt.Errorf("%w\nof generation %d, with the status\n%s", err, aw.Generation, status(aw))
		}
	}
	return nil
}

// status is that of an AutoWasm as kubectl shows it.
func status(aw *v1alpha1.AutoWasm) string {
	text, err := yaml.Marshal(aw.Status)
	if err != nil {
		return fmt.Sprintf("%+v (%v)", aw.Status, err)
	}
	return string(text)
}

// Describe returns the status of an AutoWasm, or why it cannot be read.
func (c *Cluster) Describe(ctx context.Context, namespace, name string) string {
	aw, err := c.AutoWasm(ctx, namespace, name)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("AutoWasm %s/%s of generation %d has the status\n%s", namespace, name, aw.Generation, status(aw))
}

// Observed is passed when the status is about the newest spec.
func Observed(aw *v1alpha1.AutoWasm) error {
	if aw.Status.ObservedGeneration != aw.Generation {
		return fmt.Errorf("its status is of generation %d, it is of %d", aw.Status.ObservedGeneration, aw.Generation)
	}
	return nil
}

// Phase is passed in a phase.
func Phase(want v1alpha1.Phase) Check {
	return func(aw *v1alpha1.AutoWasm) error {
		if aw.Status.Phase != want {
			return fmt.Errorf("it is %q (%s), want %s", aw.Status.Phase, aw.Status.Message, want)
		}
		return nil
	}
}

// Condition is passed when a condition of the newest generation is so, for a reason.
func Condition(kind string, want metav1.ConditionStatus, reason v1alpha1.Reason) Check {
	return func(aw *v1alpha1.AutoWasm) error {
		c := meta.FindStatusCondition(aw.Status.Conditions, kind)
		if c == nil || c.Status != want || c.Reason != string(reason) || c.ObservedGeneration != aw.Generation {
			return fmt.Errorf("its condition %s is %+v, want %s for %s", kind, c, want, reason)
		}
		return nil
	}
}

// Message is passed when the status has these words.
func Message(words ...string) Check {
	return func(aw *v1alpha1.AutoWasm) error {
		for _, word := range words {
			if !strings.Contains(aw.Status.Message, word) {
				return fmt.Errorf("its status does not say %q: %s", word, aw.Status.Message)
			}
		}
		return nil
	}
}

// WaitPhase waits until the controller has seen the newest spec of an AutoWasm and put it in a phase.
func (c *Cluster) WaitPhase(t testing.TB, namespace, name string, phase v1alpha1.Phase) *v1alpha1.AutoWasm {
	t.Helper()
	return c.WaitFor(t, namespace, name, Observed, Phase(phase))
}
