// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apiserver/pkg/quota/v1/generic"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/controller-manager/pkg/informerfactory"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/controller"
	"k8s.io/kubernetes/pkg/controller/clusterroleaggregation"
	"k8s.io/kubernetes/pkg/controller/garbagecollector"
	"k8s.io/kubernetes/pkg/controller/namespace"
	"k8s.io/kubernetes/pkg/controller/resourcequota"
	"k8s.io/kubernetes/pkg/controller/serviceaccount"
	quotainstall "k8s.io/kubernetes/pkg/quota/v1/install"
)

// How often and how much at once, as kube-controller-manager does by default.
const (
	resync           = 12 * time.Hour
	discoveryPeriod  = 30 * time.Second // after which a new kind is known to the garbage collector and to quotas
	periodicSync     = 5 * time.Minute
	garbageWorkers   = 20
	namespaceWorkers = 10
	quotaWorkers     = 5
	roleWorkers      = 5
	accountWorkers   = 1
)

// A loop runs until its context ends.
type loop func(context.Context)

// A manager has what the controllers share, as kube-controller-manager's ControllerContext does.
type manager struct {
	client    kubernetes.Interface
	metadata  metadata.Interface
	mapper    *restmapper.DeferredDiscoveryRESTMapper
	informers informers.SharedInformerFactory
	objects   informerfactory.InformerFactory // of every kind, with no more than metadata of those that only a CRD defines
	started   chan struct{}                   // closed when the informers were started
}

func newManager(config *rest.Config) (*manager, error) {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make a client: %w", err)
	}
	metadataClient, err := metadata.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make a metadata client: %w", err)
	}
	typed := informers.NewSharedInformerFactory(client, resync)
	return &manager{
		client: client, metadata: metadataClient, informers: typed, started: make(chan struct{}),
		mapper:  restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(client.Discovery())),
		objects: informerfactory.NewInformerFactory(typed, metadatainformer.NewSharedInformerFactory(metadataClient, resync)),
	}, nil
}

// loops makes the controllers and starts the informers that they asked for.
func (m *manager) loops(ctx context.Context) ([]loop, error) {
	collect, err := m.garbageCollector(ctx)
	if err != nil {
		return nil, fmt.Errorf("make the garbage collector: %w", err)
	}
	count, err := m.quota(ctx)
	if err != nil {
		return nil, fmt.Errorf("make the quota controller: %w", err)
	}
	accounts, err := m.serviceAccounts(ctx)
	if err != nil {
		return nil, fmt.Errorf("make the service account controller: %w", err)
	}
	loops := append(collect, count...)
	loops = append(loops, accounts, m.namespaces(ctx), m.clusterRoles())
	m.objects.Start(ctx.Done())
	close(m.started)
	return loops, nil
}

func (m *manager) garbageCollector(ctx context.Context) ([]loop, error) {
	c, err := garbagecollector.NewGarbageCollector(ctx, m.client, m.metadata, m.mapper,
		garbagecollector.DefaultIgnoredResources(), m.objects, m.started)
	if err != nil {
		return nil, err
	}
	return []loop{
		func(ctx context.Context) { c.Run(ctx, garbageWorkers, discoveryPeriod) },
		func(ctx context.Context) { c.Sync(ctx, m.client.Discovery(), discoveryPeriod) },
	}, nil
}

func (m *manager) quota(ctx context.Context) ([]loop, error) {
	discover := m.client.Discovery().ServerPreferredNamespacedResources
	kinds, err := quotainstall.NewQuotaConfigurationForControllers(generic.ListerFuncForResourceFunc(m.informers.ForResource), m.informers)
	if err != nil {
		return nil, err
	}
	c, err := resourcequota.NewController(ctx, &resourcequota.ControllerOptions{
		QuotaClient:               m.client.CoreV1(),
		ResourceQuotaInformer:     m.informers.Core().V1().ResourceQuotas(),
		ResyncPeriod:              controller.StaticResyncPeriodFunc(periodicSync),
		InformerFactory:           m.objects,
		ReplenishmentResyncPeriod: controller.StaticResyncPeriodFunc(resync),
		DiscoveryFunc:             discover,
		IgnoredResourcesFunc:      kinds.IgnoredResources,
		InformersStarted:          m.started,
		Registry:                  generic.NewRegistry(kinds.Evaluators()),
		UpdateFilter:              quotainstall.DefaultUpdateFilter(),
	})
	if err != nil {
		return nil, err
	}
	return []loop{
		func(ctx context.Context) { c.Run(ctx, quotaWorkers) },
		func(ctx context.Context) { c.Sync(ctx, discover, discoveryPeriod) },
	}, nil
}

func (m *manager) serviceAccounts(ctx context.Context) (loop, error) {
	c, err := serviceaccount.NewServiceAccountsController(klog.FromContext(ctx),
		m.informers.Core().V1().ServiceAccounts(), m.informers.Core().V1().Namespaces(),
		m.client, serviceaccount.DefaultServiceAccountsControllerOptions())
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) { c.Run(ctx, accountWorkers) }, nil
}

func (m *manager) namespaces(ctx context.Context) loop {
	c := namespace.NewNamespaceController(ctx, m.client, m.metadata,
		m.client.Discovery().ServerPreferredNamespacedResources, m.informers.Core().V1().Namespaces(),
		periodicSync, v1.FinalizerKubernetes)
	return func(ctx context.Context) { c.Run(ctx, namespaceWorkers) }
}

func (m *manager) clusterRoles() loop {
	c := clusterroleaggregation.NewClusterRoleAggregation(m.informers.Rbac().V1().ClusterRoles(), m.client.RbacV1())
	return func(ctx context.Context) { c.Run(ctx, roleWorkers) }
}
