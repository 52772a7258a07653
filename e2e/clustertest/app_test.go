//go:build cluster

// SPDX-License-Identifier: Apache-2.0

package clustertest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/autowasm/autowasm/e2e/suite"
)

// details is the tutorial's workload, with a replica on each node, and client is its client. Both may run under restricted
// pod security. A replica that ends goes on answering until all proxies know of it. The grace periods are short because the
// namespace controller waits for half of the longest one before it tries again to delete a namespace.
const app = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: details}
spec:
  replicas: 2
  strategy: {rollingUpdate: {maxSurge: 100%}}
  selector: {matchLabels: {app: details}}
  template:
    metadata: {labels: {app: details, version: v1}, annotations: {ANNOTATIONS}}
    spec:
      terminationGracePeriodSeconds: 12
      securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
      topologySpreadConstraints:
      - maxSkew: 1
        topologyKey: kubernetes.io/hostname
        whenUnsatisfiable: ScheduleAnyway
        labelSelector: {matchLabels: {app: details}}
      containers:
      - name: app
        image: IMAGE
        ports: [{containerPort: 9080}]
        readinessProbe: {tcpSocket: {port: 9080}, periodSeconds: 1}
        lifecycle: {preStop: {sleep: {seconds: 5}}}
        securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
---
apiVersion: v1
kind: Service
metadata: {name: details}
spec:
  selector: {app: details}
  ports: [{name: http, port: 9080}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: client}
spec:
  selector: {matchLabels: {app: client}}
  template:
    metadata: {labels: {app: client}}
    spec:
      terminationGracePeriodSeconds: 5
      securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
      containers:
      - name: app
        image: IMAGE
        securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
`

// startApp starts details and client in a namespace and waits until all of their Pods are ready, with a sidecar that
// istiod injected. The Pods of details have the annotations, each of which is a line of YAML.
func startApp(t testing.TB, namespace string, annotations ...string) {
	t.Helper()
	fill := strings.NewReplacer("IMAGE", variable(t, "APP_IMAGE"), "ANNOTATIONS", strings.Join(annotations, ", "))
	apply(t, namespace, fill.Replace(app))
	for _, name := range []string{"details", "client"} {
		kubectl(t, "rollout", "status", "-n", namespace, "deployment/"+name, suite.TimeoutFlag)
	}
	injected := kubectl(t, "get", "pods", "-n", namespace,
		`-o=jsonpath={range .items[*]}{.spec.initContainers[*].name} {.spec.containers[*].name}{"\n"}{end}`)
	for line := range strings.Lines(injected) {
		if !strings.Contains(line, "istio-proxy") {
			t.Fatalf("a Pod has no sidecar, its containers are %s", line)
		}
	}
}

// An answer is one that client got.
type answer struct {
	status string
	header http.Header
	pod    string // that answered
}

// filtered returns an error when the answer has no header of the tutorial's filter.
func (a answer) filtered() error {
	if got := a.header.Get("hello"); got != "world" {
		return fmt.Errorf("%s answered %s with the headers %v, want hello: world", a.pod, a.status, a.header)
	}
	return nil
}

// ask has client get a URL.
func ask(t testing.TB, namespace, url string, headers ...string) (answer, error) {
	t.Helper()
	args := append([]string{"exec", "-n", namespace, "deployment/client", "-c", "app", "--", "/app", "get", url}, headers...)
	out, err := runKubectl(t.Context(), "", args...)
	if err != nil {
		return answer{}, err
	}
	return parseAnswer(out)
}

// errUnreached is that the client's own proxy answered, which knows no Pod, or one that is gone.
var errUnreached = errors.New("no Pod was reached")

// askWithFilter has client get details once and returns an error when the answer has no header of the filter.
func askWithFilter(t testing.TB, namespace string) error {
	a, err := ask(t, namespace, "http://details:9080/")
	if err != nil {
		return err
	}
	return a.filtered()
}

// parseAnswer reads what app prints, which is an answer as HTTP/1 has it.
func parseAnswer(text string) (answer, error) {
	response, err := http.ReadResponse(bufio.NewReader(strings.NewReader(text)), nil)
	if err != nil {
		return answer{}, fmt.Errorf("read the answer %q: %w", text, err)
	}
	return readAnswer(response)
}

// readAnswer reads an answer of app, whose body begins with the name of a Pod before a colon, and closes it.
func readAnswer(response *http.Response) (answer, error) {
	defer response.Body.Close()
	a := answer{status: response.Status, header: response.Header}
	body, err := bufio.NewReader(response.Body).ReadString(':')
	if strings.HasPrefix(body, "upstream connect error") || strings.HasPrefix(body, "no healthy upstream") {
		return a, fmt.Errorf("%s: %w", response.Status, errUnreached)
	}
	if err != nil {
		return a, fmt.Errorf("find the Pod that answered %s: %w", response.Status, err)
	}
	a.pod = strings.TrimSuffix(body, ":")
	return a, nil
}

// askGateway gets a host of the ingress gateway, from outside of the mesh.
func askGateway(ctx context.Context, gatewayURL, host string) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, gatewayURL, nil)
	if err != nil {
		return answer{}, err
	}
	request.Host = host
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return answer{}, err
	}
	return readAnswer(response)
}
