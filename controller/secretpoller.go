// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/cache"
	"k8s.io/apimachinery/pkg/util/sets"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/autowasm/autowasm/internal/ttlcache"
)

const (
	// secretInterval is how often the Secrets that AutoWasms wait for are read.
	secretInterval = 15 * time.Second
	// maxPolledSecrets and maxPolledOfOne bound how many are read each time, of all namespaces and of one. They are
	// others each time.
	maxPolledSecrets = 200
	maxPolledOfOne   = 50
	// maxSecretVersions bounds the Secrets of which the version is kept until the next read.
	maxSecretVersions = 4096
)

// Versions of Secrets that have none.
const (
	secretMissing   = "missing"
	secretForbidden = "forbidden"
)

// secretPoller notices that a pull secret has come or changed, for AutoWasms that wait for that. It reads exactly the
// Secrets that they name, and only the metadata: a watch would need the right to list all Secrets, with their content.
type secretPoller struct {
	live     client.Reader
	enqueue  func(types.NamespacedName)
	versions *cache.LRUExpireCache // string by types.NamespacedName, of the Secret

	mu      sync.Mutex
	secrets map[types.NamespacedName]*awaitedSecret
	awaits  map[types.NamespacedName]types.NamespacedName // the Secret, by AutoWasm
}

// awaitedSecret is a Secret that AutoWasms wait for.
type awaitedSecret struct {
	version   string // when it was last polled, "" before
	autowasms sets.Set[types.NamespacedName]
}

func newSecretPoller(live client.Reader, enqueue func(types.NamespacedName), now func() time.Time) *secretPoller {
	return &secretPoller{
		live: live, enqueue: enqueue,
		versions: ttlcache.New(maxSecretVersions, now),
		secrets:  map[types.NamespacedName]*awaitedSecret{},
		awaits:   map[types.NamespacedName]types.NamespacedName{},
	}
}

// await has an AutoWasm enqueued whenever the Secret of that name in its namespace is another than at the last poll; and
// once after the first one, as the Secret may have changed since the AutoWasm needed it.
func (p *secretPoller) await(autowasm types.NamespacedName, name string) {
	secret := types.NamespacedName{Namespace: autowasm.Namespace, Name: name}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.awaits[autowasm] == secret {
		return
	}
	p.drop(autowasm)
	if p.secrets[secret] == nil {
		p.secrets[secret] = &awaitedSecret{autowasms: sets.New[types.NamespacedName]()}
	}
	p.secrets[secret].autowasms.Insert(autowasm)
	p.awaits[autowasm] = secret
}

// forget ends the wait of an AutoWasm, if it waits.
func (p *secretPoller) forget(autowasm types.NamespacedName) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop(autowasm)
}

// drop is forget for those who hold p.mu.
func (p *secretPoller) drop(autowasm types.NamespacedName) {
	secret, waits := p.awaits[autowasm]
	if !waits {
		return
	}
	delete(p.awaits, autowasm)
	if p.secrets[secret].autowasms.Delete(autowasm).Len() == 0 {
		delete(p.secrets, secret)
	}
}

// missing reports whether a Secret is known not to exist, as it was a poll ago at most. It is for a message alone, so
// that one that cannot be read is no failure.
func (p *secretPoller) missing(ctx context.Context, secret types.NamespacedName) bool {
	if version, ok := p.versions.Get(secret); ok {
		return version == secretMissing
	}
	version, err := p.read(ctx, secret)
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Failed to find out whether the pull secret exists", "secret", secret.Name)
	}
	return version == secretMissing
}

// read returns the version of a Secret.
func (p *secretPoller) read(ctx context.Context, secret types.NamespacedName) (string, error) {
	object := &metav1.PartialObjectMetadata{}
	object.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	err := p.live.Get(ctx, secret, object)
	version := string(object.UID) + "/" + object.ResourceVersion
	switch {
	case apierrors.IsNotFound(err):
		version = secretMissing
	case apierrors.IsForbidden(err):
		version = secretForbidden
	case err != nil:
		return "", fmt.Errorf("read the metadata of Secret %s: %w", secret, err)
	}
	p.versions.Add(secret, version, secretInterval)
	return version, nil
}

// Start implements manager.Runnable, on the leader.
func (p *secretPoller) Start(ctx context.Context) error {
	ticker := time.NewTicker(secretInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			p.poll(ctx)
		case <-ctx.Done():
			return nil
		}
	}
}

// poll reads Secrets one after the other.
func (p *secretPoller) poll(ctx context.Context) {
	for _, secret := range p.due() {
		version, err := p.read(ctx, secret)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			ctrl.LoggerFrom(ctx).V(1).Info("Cannot poll a Secret", "err", err.Error())
			continue
		}
		for _, autowasm := range p.polled(secret, version) {
			p.enqueue(autowasm)
		}
	}
}

// due returns which Secrets are read this time. The order of a map is another one each time.
func (p *secretPoller) due() []types.NamespacedName {
	p.mu.Lock()
	defer p.mu.Unlock()
	var due []types.NamespacedName
	of := map[string]int{}
	for secret := range p.secrets {
		if len(due) == maxPolledSecrets {
			break
		}
		if of[secret.Namespace]++; of[secret.Namespace] <= maxPolledOfOne {
			due = append(due, secret)
		}
	}
	return due
}

// polled keeps the version of a Secret and returns the AutoWasms that waited for another.
func (p *secretPoller) polled(secret types.NamespacedName, version string) []types.NamespacedName {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.secrets[secret]
	if s == nil || s.version == version {
		return nil
	}
	s.version = version
	return s.autowasms.UnsortedList()
}
