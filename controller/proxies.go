package controller

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/autowasm/autowasm/fetch/peer"
	"github.com/autowasm/autowasm/internal/mesh"
	"github.com/autowasm/autowasm/proxies"
	"github.com/autowasm/autowasm/render"
)

// ProxyAsker asks a proxy what it runs. A *proxies.Asker is one.
type ProxyAsker interface {
	// Ask returns what the proxy at an IP address runs, as it said it at most maxAge
	// ago.
	Ask(ctx context.Context, ip string, maxAge time.Duration) (proxies.Report, error)
}

// Sightings tell which addresses have asked any replica's module server for a
// module. A *peer.Accesses is one.
type Sightings interface {
	// Collect returns who requested a module, by IP address. An error says that not all
	// replicas could be asked; what is known is returned all the same.
	Collect(ctx context.Context, sha256 string) (map[string]peer.Access, error)
}

// Refusals tell why proxies refused the listeners that they were last sent. A
// *proxies.Control is one.
type Refusals interface {
	// Refusals returns each proxy that is known, as "<namespace>/<pod>", and why; "" when
	// it refused nothing.
	Refusals(ctx context.Context) (map[string]string, error)
}

// proxy is one that an AutoWasm selects, as its Pod tells of it.
type proxy struct {
	pod   types.NamespacedName
	ip    string
	start proxyStart
}

// proxyStart tells the starts of a proxy apart. What is known of a proxy is void when
// it has started anew.
type proxyStart struct {
	uid      types.UID
	restarts int32
	at       time.Time
}

// selectedProxies lists the proxies that the cache knows for a target: those of Pods
// that run, on the side that the filter is for.
func selectedProxies(ctx context.Context, reader client.Reader, t proxyTarget) ([]proxy, error) {
	var pods corev1.PodList
	in := client.InNamespace(t.namespace)
	err := reader.List(ctx, &pods, in, client.MatchingLabels(t.selector), client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, fmt.Errorf("list the Pods that AutoWasm %s selects: %w", t.key, err)
	}
	var found []proxy
	for i := range pods.Items {
		pod := &pods.Items[i]
		if running := mesh.RunningProxy(pod); running != nil && mesh.IsGateway(pod) == t.gateway {
			found = append(found, proxy{pod: client.ObjectKeyFromObject(pod), ip: pod.Status.PodIP, start: startOf(pod, running)})
		}
	}
	slices.SortFunc(found, func(a, b proxy) int { return strings.Compare(a.pod.String(), b.pod.String()) })
	return found, nil
}

// startOf is the start of a Pod's proxy that runs.
func startOf(pod *corev1.Pod, running *corev1.ContainerStatus) proxyStart {
	return proxyStart{uid: pod.UID, restarts: running.RestartCount, at: running.State.Running.StartedAt.Time}
}

func filterOf(p render.Plugin) proxies.Filter {
	return proxies.Filter{Owner: proxies.OwnerOf(p.Owner), VM: p.VM, Revision: p.Revision}
}
