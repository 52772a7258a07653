// SPDX-License-Identifier: Apache-2.0

package status

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/text"
)

// MaxShown is how many proxies in one state a tree shows, unless all are asked for.
const MaxShown = 10

// Printer prints reports as trees.
type Printer struct {
	// Now is the time that ages are counted from.
	Now time.Time
	// All shows every proxy.
	All bool
}

// node is a line of a tree and what belongs to it.
type node struct {
	text     string
	children []node
}

func leaf(format string, args ...any) node { return node{text: fmt.Sprintf(format, args...)} }

// Print prints one report.
func (p Printer) Print(w io.Writer, r Report) error {
	var out strings.Builder
	tree := node{p.title(r), []node{leaf("selects %s", selectsText(r.Selects)), p.module(r), p.envoyFilter(r), p.proxies(r)}}
	if r.Findings != "" {
		tree.children = append(tree.children, leaf("preflight: %s", r.Findings))
	}
	if len(r.Actions) > 0 {
		todo := node{text: "what to do"}
		for _, a := range r.Actions {
			todo.children = append(todo.children, leaf("%s: %s", a.Reason, a.Do))
		}
		tree.children = append(tree.children, todo)
	}
	tree.write(&out, "", "")
	_, err := io.WriteString(w, out.String())
	return err
}

// write prints a node behind one prefix, and what belongs to it behind another.
func (n node) write(out *strings.Builder, first, rest string) {
	out.WriteString(first + text.OneLine(n.text) + "\n")
	for i, child := range n.children {
		if i == len(n.children)-1 {
			child.write(out, rest+"└── ", rest+"    ")
		} else {
			child.write(out, rest+"├── ", rest+"│   ")
		}
	}
}

func (p Printer) title(r Report) string {
	state := "Ready"
	switch r.Ready.Status {
	case string(metav1.ConditionTrue):
		return fmt.Sprintf("AutoWasm %s/%s: Ready%s", r.Namespace, r.Name, p.since(r.Ready.Since))
	case string(metav1.ConditionFalse):
		state = "not Ready"
	default:
		state = "not known to be Ready"
	}
	return fmt.Sprintf("AutoWasm %s/%s: %s%s (%s): %s", r.Namespace, r.Name, state, p.since(r.Ready.Since), r.Ready.Reason, r.Ready.Message)
}

// since is for behind a state, "" where it is not known.
func (p Printer) since(t *metav1.Time) string {
	if t == nil || t.IsZero() {
		return ""
	}
	return " since " + p.age(t)
}

func (p Printer) age(t *metav1.Time) string { return duration.HumanDuration(max(0, p.Now.Sub(t.Time))) }

func selectsText(s Selects) string {
	what, ports := "every Pod", "all ports"
	var labels []string
	for _, key := range slices.Sorted(maps.Keys(s.Labels)) {
		labels = append(labels, key+"="+s.Labels[key])
	}
	if len(labels) > 0 {
		what = strings.Join(labels, ",")
	}
	if s.MeshWide {
		what += " in all namespaces"
	}
	if len(s.Ports) > 0 {
		ports = "ports " + strings.Trim(strings.ReplaceAll(fmt.Sprint(s.Ports), " ", ", "), "[]")
	}
	return fmt.Sprintf("%s, %s, %s", what, s.Context, ports)
}

func (p Printer) module(r Report) node {
	m := r.Module
	if m == nil {
		return node{"module: not resolved yet", []node{leaf("from %s", r.Source)}}
	}
	n := leaf("module sha256:%s, %d bytes, Proxy-Wasm ABI %s", m.SHA256, m.Size, m.ABI)
	n.children = append(n.children, leaf("from %s", r.Source))
	if m.Reference != "" {
		n.children = append(n.children, leaf("pinned to %s", m.Reference))
	}
	if r.Config != "" {
		n.children = append(n.children, leaf("its schema refuses the configuration: %s", r.Config))
	}
	if r.Trial != "" {
		n.children = append(n.children, leaf("tried, and fails: %s", r.Trial))
	}
	if m.FetchedAt != nil {
		n.children = append(n.children, leaf("fetched %s, %s ago", m.FetchedAt.UTC().Format(time.RFC3339), p.age(m.FetchedAt)))
	}
	return n
}

func (p Printer) envoyFilter(r Report) node {
	ef := r.EnvoyFilter
	name := fmt.Sprintf("EnvoyFilter %s/%s", r.Namespace, r.Name)
	switch ef.State {
	case Staged:
		return leaf("%s: staged, in force nowhere yet", name)
	case Foreign:
		return leaf("%s: not made by AutoWasm, left alone", name)
	case Absent:
		return leaf("EnvoyFilter: there is none yet")
	case Unreadable:
		return leaf("%s: cannot be read: %s", name, ef.Message)
	}
	n := leaf("%s: in force", name)
	if ef.Since != nil {
		n = leaf("%s: in force, written %s ago", name, p.age(ef.Since))
	}
	if ef.Outdated {
		n.text += fmt.Sprintf(", of generation %d of the AutoWasm", ef.Generation)
	}
	if r.Module != nil && ef.Module != r.Module.SHA256 {
		n.children = append(n.children, leaf("carries module sha256:%s", ef.Module))
	}
	return n
}

func (p Printer) proxies(r Report) node {
	all := r.Proxies
	n := leaf("proxies: %d of %d selected run the module", all.Running, all.Selected)
	switch {
	case !all.Observed && len(all.All) == 0 && all.WithoutProxy == 0:
		n = leaf("proxies: none is selected")
	case !all.Observed:
		n = leaf("proxies: not scraped")
	}
	shown := map[string]int{}
	for _, proxy := range all.All {
		if shown[proxy.State]++; p.All || shown[proxy.State] <= MaxShown {
			n.children = append(n.children, p.proxy(proxy))
		}
	}
	for _, state := range slices.Sorted(maps.Keys(shown)) {
		if more := shown[state] - MaxShown; more > 0 && !p.All {
			n.children = append(n.children, leaf("and %d more: %s", more, state))
		}
	}
	if all.WithoutProxy > 0 {
		n.children = append(n.children, leaf("%s without a %s", number(all.WithoutProxy, "selected Pod"), kindOfProxy(r.Selects)))
	}
	if all.Message != "" {
		n.children = append(n.children, leaf("Pods cannot be read: %s", all.Message))
	}
	return n
}

func kindOfProxy(s Selects) string {
	if s.Context == string(v1alpha1.Gateway) {
		return "gateway's proxy"
	}
	return "sidecar"
}

func (p Printer) proxy(proxy Proxy) node {
	line := fmt.Sprintf("%s/%s: %s%s", proxy.Namespace, proxy.Pod, proxy.State, p.since(proxy.Since))
	if proxy.Message != "" {
		line += ": " + proxy.Message
	}
	return node{text: line}
}
