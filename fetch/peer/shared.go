// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/sleep"
)

const (
	// maxWait bounds the wait for another replica's download, and pollInterval is how often it is looked up.
	maxWait      = 10 * time.Second
	pollInterval = 200 * time.Millisecond
	// claimTTL is how long a download counts as under way: a replica that ended in the middle does not say so.
	claimTTL = 30 * time.Second
	// callTimeout bounds each call to the API server. Without an answer the module comes from its source.
	callTimeout = time.Second
	// maxShared is how many sources are kept, the latest.
	maxShared = 256
)

// Shared is what the replicas know together: which module each source gave, and which they download now. It is kept in a
// Secret that they alone write: what a replica says over the network is not trusted, and a module's hash is no one's to
// know who has not read its source. Its methods may be called concurrently. A call that fails is as if nothing were known.
type Shared struct {
	// Reader reads the Secret from the API server itself: what another replica has just written counts. Required.
	Reader client.Reader
	// Writer patches the Secret, which must exist. Required.
	Writer client.Writer
	// Secret names it. Required.
	Secret types.NamespacedName
	// Replica is the name of this one. Required.
	Replica string
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// sharedSource is what is known of one source.
type sharedSource struct {
	SHA256  string    `json:"sha256,omitempty"` // of the module, "" while Replica downloads it
	Replica string    `json:"replica"`
	Time    time.Time `json:"time"`
}

// Claim returns the sha256 of the module that a source gave to any replica. While another one downloads it, Claim waits,
// for ten seconds at most. With "" it is for the caller to download it, and to call Settle then: others wait meanwhile.
func (s *Shared) Claim(ctx context.Context, source string) (sha256 string) {
	deadline := s.now().Add(maxWait)
	for {
		known, err := s.read(ctx, source)
		if err != nil {
			log.FromContext(ctx).V(1).Info("Cannot read what other replicas know of a source", "err", err.Error())
			return ""
		}
		if v1alpha1.IsSHA256(known.SHA256) {
			return known.SHA256
		}
		if !s.underWay(known) || s.now().After(deadline) || sleep.For(ctx, pollInterval) != nil {
			s.write(ctx, source, "")
			return ""
		}
	}
}

// Settle lets other replicas know which module a source gave; "" says that it gave none.
func (s *Shared) Settle(ctx context.Context, source, sha256 string) {
	ctx = context.WithoutCancel(ctx) // others wait for it, also when this replica ends
	if sha256 == "" {
		s.patch(ctx, map[string][]byte{dataKey(source): nil})
		return
	}
	if all := s.write(ctx, source, sha256); len(all) > maxShared {
		s.patch(ctx, oldest(all, len(all)-maxShared))
	}
}

// underWay reports whether another replica downloads a source.
func (s *Shared) underWay(known sharedSource) bool {
	return known.Replica != "" && known.Replica != s.Replica && s.now().Sub(known.Time) < claimTTL
}

func (s *Shared) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}

func (s *Shared) read(ctx context.Context, source string) (known sharedSource, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var secret corev1.Secret
	if err := s.Reader.Get(ctx, s.Secret, &secret); err != nil {
		return known, fmt.Errorf("read Secret %s: %w", s.Secret, err)
	}
	if data := secret.Data[dataKey(source)]; data != nil && json.Unmarshal(data, &known) != nil {
		return sharedSource{}, nil // it is written again
	}
	return known, nil
}

// write returns all that the Secret has then.
func (s *Shared) write(ctx context.Context, source, sha256 string) map[string][]byte {
	data, err := json.Marshal(sharedSource{SHA256: sha256, Replica: s.Replica, Time: s.now().UTC()})
	if err != nil {
		return nil // there is nothing in it that cannot be encoded
	}
	return s.patch(ctx, map[string][]byte{dataKey(source): data})
}

// patch changes some keys of the Secret, whatever the others are, and removes those that are nil.
func (s *Shared) patch(ctx context.Context, data map[string][]byte) map[string][]byte {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	secret := &corev1.Secret{}
	secret.Namespace, secret.Name = s.Secret.Namespace, s.Secret.Name
	patch, err := json.Marshal(map[string]any{"data": data})
	if err == nil {
		err = s.Writer.Patch(ctx, secret, client.RawPatch(types.MergePatchType, patch))
	}
	if err != nil {
		log.FromContext(ctx).V(1).Info("Cannot let other replicas know of a source", "err", err.Error())
		return nil
	}
	return secret.Data
}

// oldest returns the keys of the n oldest sources, to be removed.
func oldest(all map[string][]byte, n int) map[string][]byte {
	times := map[string]time.Time{}
	for key, data := range all {
		var known sharedSource
		_ = json.Unmarshal(data, &known) // what cannot be read is the oldest
		times[key] = known.Time
	}
	keys := slices.SortedFunc(maps.Keys(times), func(a, b string) int {
		return cmp.Or(times[a].Compare(times[b]), cmp.Compare(a, b))
	})
	removed := map[string][]byte{}
	for _, key := range keys[:n] {
		removed[key] = nil
	}
	return removed
}

// dataKey is a source as the key of a Secret can be.
func dataKey(source string) string {
	sum := sha256.Sum256([]byte(source))
	return hex.EncodeToString(sum[:])
}
