// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"slices"
	"time"

	"github.com/autowasm/autowasm/e2e/tutorial"
)

// step is one command of the demo.
type step struct {
	// says is printed before the command.
	says string
	// run is the shell command, printed as it is.
	run string
	// refused is true for a command that must fail.
	refused bool
	// shows are words that the answer must contain.
	shows []string
	// lacks are words that the answer must not contain.
	lacks []string
	// same is true when every line of the answer must begin with the same word.
	same bool
	// older is true when Envoy must answer that it has run for longer than this half of the demo.
	older bool
	// within is how long the command is tried again until its answer is right; 0 is once.
	within time.Duration
}

// writeManifest writes the tutorial's manifest for a registry into aw.yaml.
func writeManifest() string {
	m := tutorial.Manifest{Namespace: "default", Image: "$PRIVATE_REGISTRY/demo/wasm-add-header:v0.3", Secret: "test"}
	return "cat > aw.yaml <<EOF\n" + m.String() + "EOF"
}

// variant returns a command that applies aw.yaml under another name with one
// line changed by a sed expression.
func variant(name, expression string) string {
	return `sed -e 's|name: test|name: ` + name + `|' -e '` + expression + `' aw.yaml | kubectl apply -f -`
}

// withoutProxies are the tutorial's steps, in its order, that ask no proxy, with refusals before the end.
func withoutProxies() []step { return slices.Concat(push(), apply(), refusals(), remove()) }

// withProxies apply the same object again and look at the proxy.
func withProxies() []step {
	return slices.Concat(before(), reapply(), after(), status(), traps(), remove(), afterwards())
}

func push() []step {
	return []step{{
		says:  "Test a Wasm filter, without a proxy. This one is built from examples/add-header.",
		run:   `wasmc test ./example.wasm -f tests.yaml`,
		shows: []string{"ok    adds a header to the response", "2 passed"},
	}, {
		says: "Push it to an image registry, which is private.",
		run:  `echo "$PRIVATE_REGISTRY_PASSWORD" | wasmc login $PRIVATE_REGISTRY -u $PRIVATE_REGISTRY_USERNAME --password-stdin`,
	}, {
		run:   `wasmc push $PRIVATE_REGISTRY/demo/wasm-add-header:v0.3 -f ./example.wasm`,
		shows: []string{"Pushed ", "Digest: sha256:"},
	}, {
		says:  "Pull it back.",
		run:   `wasmc pull $PRIVATE_REGISTRY/demo/wasm-add-header:v0.3`,
		shows: []string{"Pulled ", "Sha256: ", "Location: "},
	}}
}

func apply() []step {
	return []step{{
		says:  "Let the cluster read the private registry.",
		run:   `kubectl create secret docker-registry test --docker-server=$PRIVATE_REGISTRY --docker-username=$PRIVATE_REGISTRY_USERNAME --docker-password="$PRIVATE_REGISTRY_PASSWORD"`,
		shows: []string{"secret/test created"},
	}, {
		says: "The one object that a user writes.",
		run:  writeManifest(),
	}, {
		says:  "Apply it. The answer comes after the module is cached and the EnvoyFilter made. (It warns while there is no Pod to match.)",
		run:   `kubectl apply -f aw.yaml`,
		shows: []string{"autowasm.wasm.tcm.io/test created"},
	}, {
		run: `kubectl wait autowasm test --for=condition=Ready --timeout=60s`,
	}, {
		says:  "Check the AutoWasm.",
		run:   `kubectl get aw`,
		shows: []string{"NAME", "SECRET", "MATCH", "SOURCE", "APPLYPORTS", "TIME", "PHASE", `{"app":"details"}`, "[9080]", "Synced"},
	}, {
		says:  "View the EnvoyFilter.",
		run:   `kubectl get envoyfilter test -o yaml`,
		shows: []string{"outbound|8081||wasmer.istio-system.svc.cluster.local", "envoy.wasm.runtime.v8", "sha256: "},
	}, {
		says: "What Envoy loads from its uri is what was pushed. (Only proxies know wasmer by its name in the cluster.)",
		run: `sha256sum < example.wasm
curl -s $(kubectl get envoyfilter test -o jsonpath='{.spec.configPatches[0].patch.value.typedConfig.config.vmConfig.code.remote.httpUri.uri}' | sed "s|http://wasmer.istio-system.svc.cluster.local:8081|$WASMER_URL|") | sha256sum
kubectl get envoyfilter test -o jsonpath='{.spec.configPatches[0].patch.value.typedConfig.config.vmConfig.code.remote.sha256}{"\n"}'`,
		same: true,
	}, {
		says:  "Apply it again: nothing to do.",
		run:   `kubectl apply -f aw.yaml`,
		shows: []string{"autowasm.wasm.tcm.io/test unchanged"},
	}}
}

func refusals() []step {
	return []step{{
		says:    "What cannot work is refused, with the reason. An image that does not exist:",
		run:     variant("missing", `s|:v0.3|:v0.4|`),
		refused: true,
		shows:   []string{"spec.filter.source.registry.image", "v0.4"},
	}, {
		says:    "A file that is not a Wasm module (the tutorial's second manifest, with a page of HTML behind its URL):",
		run:     `echo '<html>sorry</html>' > $OBJECTS_DIR/filter.wasm` + "\n" + variant("html", `s|registry:|object:|; s|image:.*|url: '$OBJECTS_URL'/filter.wasm|; /secret:/d`),
		refused: true,
		shows:   []string{"spec.filter.source.object.url"},
	}, {
		says:    "A configuration that the filter itself refuses: it is tried, also in a dry run.",
		run:     variant("config", `s|rootID:|config: {header: no header}\n    rootID:|`) + " --dry-run=server",
		within:  pushTimeout, // on a busy machine a trial takes longer than an admission
		refused: true,
		shows:   []string{"spec.filter.config", `\"no header\" is not the name of a header`},
	}, {
		says:    "A port that no port can be, and a field that does not exist:",
		run:     variant("typo", `s|- 9080|- 90800|`) + "\n" + variant("typo", `s|rootID:|rootId:|`),
		refused: true,
		shows:   []string{"spec.filter.applyPorts[0]", `unknown field "spec.filter.rootId"`},
	}}
}

func remove() []step {
	return []step{{
		says:  "Delete it: the EnvoyFilter goes with it.",
		run:   `kubectl delete -f aw.yaml && kubectl wait envoyfilter test --for=delete --timeout=60s`,
		shows: []string{"deleted"},
	}}
}
