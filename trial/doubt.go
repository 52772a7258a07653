// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"fmt"
	"slices"
	"strings"

	"github.com/autowasm/autowasm/host"
)

// doubts says why a failure may be one of the trial and not of the module, "" if there is no such reason.
func (a *attempt) doubts() string {
	var doubts []string
	add := func(format, what string) {
		if what != "" {
			doubts = append(doubts, fmt.Sprintf(format, what))
		}
	}
	add("that may come of %s", a.dependsOn())
	absent, others := a.asked()
	add("it asked for %s, which the GET / of a trial does not have", absent)
	add("it read %s, in which other requests differ", others)
	if a.awaits {
		add("%s", "it asked for ticks, and the request came before the first one")
	}
	return strings.Join(doubts, "; ")
}

// dependsOn names what the module used that only a proxy has, "" for nothing.
func (a *attempt) dependsOn() string { return listed(a.used()) }

// untried is dependsOn without what other filters share: that it is not there is what was tried.
func (a *attempt) untried() string { return listed(a.used(host.UseSharedData, host.UseSharedQueue)) }

// used names what the module used that only a proxy has, but for some uses.
func (a *attempt) used(except ...host.Use) []string {
	var names []string
	if a.vm != nil {
		for _, u := range a.vm.Unmodelled() {
			if !slices.Contains(except, u.Use) {
				names = append(names, string(u.Use)+" "+u.Name)
			}
		}
	}
	for _, name := range a.settings.HostEnv {
		names = append(names, "the proxy's variable "+name)
	}
	return names
}

// asked names what the module asked of the messages that they do not have, and what of them others have otherwise.
func (a *attempt) asked() (absent, others string) {
	if a.stream == nil {
		return "", ""
	}
	var names [2][]string
	for _, q := range a.stream.Questions() {
		n := 1
		if q.Absent {
			n = 0
		}
		names[n] = append(names[n], q.Name)
	}
	return listed(names[0]), listed(names[1])
}

// maxNamed is how much of what a module used is named.
const maxNamed = 3

// listed names the first of them.
func listed(names []string) string {
	if more := len(names) - maxNamed; more > 0 {
		names = append(names[:maxNamed:maxNamed], fmt.Sprintf("%d more", more))
	}
	return strings.Join(names, ", ")
}
