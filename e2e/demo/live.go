// SPDX-License-Identifier: Apache-2.0

package demo

import "time"

// pushTimeout is how long a change of the filter may take to reach the sidecar, on a machine that is busy.
const pushTimeout = 2 * time.Minute

// The commands that ask the details service, through its sidecar, the second with forty headers more, and that sidecar
// how long it has run.
const (
	askDetails = `curl -s -i $ENVOY_INBOUND_URL`
	askOddly   = `curl -s -i $(seq -f '-H x-%g:1' 40) $ENVOY_INBOUND_URL`
	askUptime  = `curl -s $ENVOY_ADMIN_URL/server_info | grep uptime_current_epoch`
)

// before shows the service without the filter.
func before() []step {
	return []step{{
		says:   "Ask the details service, in front of which is an Envoy: no header.",
		run:    askDetails,
		within: pushTimeout,
		shows:  []string{"200 OK", "server: istio-envoy"},
		lacks:  []string{"hello:"},
	}, {
		says:  "How long this Envoy has run:",
		run:   askUptime,
		older: true,
	}}
}

func reapply() []step {
	return []step{{
		says: "Apply the AutoWasm again.",
		run: `kubectl apply -f aw.yaml
kubectl wait aw test --for=condition=Ready --timeout=60s`,
		shows: []string{"autowasm.wasm.tcm.io/test created", "condition met"},
	}}
}

// after shows it with the filter.
func after() []step {
	return []step{{
		says:   "Ask the details service again: the filter adds the header hello: world.",
		run:    askDetails,
		within: pushTimeout,
		shows:  []string{"200 OK", "server: istio-envoy", "hello: world"},
	}, {
		says:  "It is the same Envoy process, not restarted:",
		run:   askUptime,
		older: true,
	}}
}

// status shows that the status speaks of what the proxies run, and that what they could not run does not reach them.
func status() []step {
	return []step{{
		says:  "The status knows what the proxies run.",
		run:   `kubectl get aw test -o jsonpath='{.status.proxies}{"\n"}'`,
		shows: []string{`"running":1`, `"selected":1`},
	}, {
		says:    "A configuration that this filter refuses, which only the filter knows: it was tried before it is admitted.",
		run:     `kubectl patch aw test --type=merge -p '{"spec": {"filter": {"config": {"header": "no header"}}}}'`,
		refused: true,
		shows:   []string{"spec.filter.config: Invalid value: the module was tried, and fails: proxy_on_configure returned false", `\"no header\" is not the name of a header`},
	}, {
		says:  "The proxy goes on as before.",
		run:   askDetails + ` | grep hello`,
		shows: []string{"hello: world"},
	}}
}

// traps shows that a filter which fails on requests, and not at its start, is found out.
func traps() []step {
	return []step{{
		says: "A filter with a bug: it loads and starts, and traps on requests of more than forty headers.",
		run: `wasmc push $PRIVATE_REGISTRY/demo/traps:v1 -f ./traps.wasm
kubectl patch aw test --type=merge -p '{"spec": {"filter": {"source": {"registry": {"image": "'$PRIVATE_REGISTRY'/demo/traps:v1"}}}}}'
kubectl wait aw test --for=condition=Ready --timeout=60s`,
		shows: []string{"Pushed ", "condition met"},
	}, {
		says:  "Such a request is answered 503.",
		run:   askOddly,
		shows: []string{"503 Service Unavailable"},
	}, {
		says:   "The proxy starts the filter again, so that other requests pass.",
		run:    askDetails,
		within: pushTimeout,
		shows:  []string{"200 OK"},
	}, {
		says: "Envoy counts that, and reports it nowhere. The status names the filter's proxy when it goes on.",
		run: askOddly + ` > answer.txt
kubectl get aw test -o jsonpath='{.status.conditions[?(@.type=="Ready")].reason}: {.status.message}{"\n"}'`,
		within: pushTimeout,
		shows:  []string{"FilterTraps: ", "the proxy of Pod default/details-1 has trapped"},
	}, {
		says: "Go back to the filter without the bug.",
		run: `kubectl apply -f aw.yaml
kubectl wait aw test --for=condition=Ready --timeout=60s`,
		shows: []string{"condition met"},
	}}
}

// afterwards shows that nothing of it is left.
func afterwards() []step {
	return []step{{
		says:   "The header is gone with it.",
		run:    askDetails,
		within: pushTimeout,
		shows:  []string{"200 OK", "server: istio-envoy"},
		lacks:  []string{"hello:"},
	}, {
		run:   askUptime,
		older: true,
	}}
}
