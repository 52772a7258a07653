// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

const (
	// collectTimeout bounds the wait for a cache that is not filled yet.
	collectTimeout = time.Second
	// reasonNotObserved is the label of an AutoWasm that has no condition Ready yet.
	reasonNotObserved = "NotObserved"
)

// autoWasms counts the AutoWasms by their condition Ready. All replicas know them; the leader alone counts them, so that a sum
// over the replicas is right.
type autoWasms struct {
	cache   client.Reader
	elected <-chan struct{}
	desc    *prometheus.Desc
}

func newAutoWasms(cache client.Reader, elected <-chan struct{}) *autoWasms {
	return &autoWasms{cache: cache, elected: elected, desc: prometheus.NewDesc("wasmer_autowasms",
		"AutoWasms by the status and the reason of their condition Ready, on the leader.", []string{"ready", "reason"}, nil)}
}

// Describe implements prometheus.Collector.
func (c *autoWasms) Describe(descriptions chan<- *prometheus.Desc) { descriptions <- c.desc }

// Collect implements prometheus.Collector.
func (c *autoWasms) Collect(metrics chan<- prometheus.Metric) {
	select {
	case <-c.elected:
	default:
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), collectTimeout)
	defer cancel()
	var all v1alpha1.AutoWasmList
	if err := c.cache.List(ctx, &all, client.UnsafeDisableDeepCopy); err != nil {
		return // the others can be collected
	}
	counts := map[[2]string]int{}
	for i := range all.Items {
		counts[readyLabels(all.Items[i].Status.Conditions)]++
	}
	for labels, n := range counts {
		metrics <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, float64(n), labels[0], labels[1])
	}
}

func readyLabels(conditions []metav1.Condition) [2]string {
	ready := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady)
	if ready == nil {
		return [2]string{string(metav1.ConditionUnknown), reasonNotObserved}
	}
	return [2]string{string(ready.Status), ready.Reason}
}
