// SPDX-License-Identifier: Apache-2.0

package status

import (
	"cmp"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// CompareOrder is negative when a request that arrives at a proxy passes the filter of a before that of b, positive when
// after. It is the order in which istiod applies EnvoyFilters, each of which inserts its filter last: by priority, those of
// the root namespace first, by creation, by name.
func CompareOrder(a, b Report) int {
	return cmp.Or(
		cmp.Compare(a.Priority, b.Priority),
		-compareBools(a.Selects.MeshWide, b.Selects.MeshWide),
		timeOf(a.EnvoyFilter.Created).Compare(timeOf(b.EnvoyFilter.Created)),
		cmp.Compare(a.Name+"."+a.Namespace, b.Name+"."+b.Namespace),
	)
}

// compareBools has false before true.
func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

func timeOf(t *metav1.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.Time
}

// A Level is how urgently an AutoWasm needs somebody to look at it.
type Level string

// The levels, the most urgent first.
const (
	// Failed needs a user to act.
	Failed Level = "Failed"
	// Pending is not Ready, and may become so by itself.
	Pending Level = "Pending"
	// Attention is Ready, and there is something to do about it.
	Attention Level = "Attention"
	// Fine is Ready, and there is nothing to do.
	Fine Level = "Fine"
)

// Level says how urgently somebody should look at the AutoWasm.
func (r Report) Level() Level {
	switch {
	case r.Ready.Status == string(metav1.ConditionFalse):
		return Failed
	case r.Ready.Status != string(metav1.ConditionTrue):
		return Pending
	case len(r.Actions) > 0:
		return Attention
	}
	return Fine
}
