// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/argoproj/gitops-engine/pkg/sync"
	"github.com/argoproj/gitops-engine/pkg/sync/common"
	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// interval is how often an operation is continued.
const interval = time.Second

// operation is what is known of a sync that is under way.
type operation struct {
	phase   common.OperationPhase
	message string
	results []common.ResourceSyncResult
	began   metav1.Time
}

// sync has one operation, and writes what argocd app sync says at its end, or when the timeout is over.
func (a *application) sync(ctx context.Context, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, a.options.timeout)
	defer cancel()
	o := operation{phase: common.OperationRunning, began: metav1.Now()}
	for !o.phase.Completed() && ctx.Err() == nil {
		if err := a.proceed(&o); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(interval):
		}
	}
	for _, r := range o.results {
		fmt.Fprintf(out, "%s %s %s %s\n", r.ResourceKey.Kind, r.ResourceKey.Name, r.Status, r.Message)
	}
	_, err := fmt.Fprintf(out, "%s: %s\n", o.phase, o.message)
	return err
}

// proceed continues an operation by what is live now.
func (a *application) proceed(o *operation) error {
	pairs, err := a.compared()
	if err != nil {
		return err
	}
	c, cleanup, err := sync.NewSyncContext("main", pairs, a.config, a.config, a.kubectl, a.options.namespace, a.cluster.GetOpenAPISchema(),
		sync.WithInitialState(o.phase, o.message, o.results, o.began),
		sync.WithHealthOverride(a.health),
		sync.WithPrune(a.options.prune),
		sync.WithServerSideApply(a.options.serverSide),
		sync.WithServerSideApplyManager(manager),
		sync.WithLogr(logr.Discard()),
	)
	if err != nil {
		return fmt.Errorf("begin to sync: %w", err)
	}
	defer cleanup()
	c.Sync()
	o.phase, o.message, o.results = c.GetState()
	return nil
}
