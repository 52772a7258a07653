// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/autowasm/autowasm/internal/sleep"
	"github.com/autowasm/autowasm/internal/status"
)

// watchPause is the shortest time between two readings of the cluster.
const watchPause = time.Second

type statusOptions struct {
	clusterOptions
	output string
	watch  bool
}

func newStatusCommand(s streams) *cobra.Command {
	o := &statusOptions{}
	command := &cobra.Command{
		Use:   "status [NAME]",
		Short: "Show what has become of AutoWasms in a cluster, and what to do",
		Long: `Show AutoWasms as trees: the module and where it comes from, the EnvoyFilter, each
proxy that is selected with its state and since when, and what to do about what is
wrong. Without NAME, all of the namespace.

It reads AutoWasms, EnvoyFilters and Pods with the permissions of the kubeconfig's
user, and shows what may not be read as that. With NAME every proxy is shown, else
ten in each state.`,
		Example: `  # Show all AutoWasms of the context's namespace
  wasmc status

  # Show one, and go on as it changes
  wasmc status test -n default --watch

  # List the AutoWasms of the cluster that are not Ready
  wasmc status -A -o json | jq -r '.autoWasms[] | select(.ready.status != "True") | .name'`,
		Args:              atMost("NAME"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(command *cobra.Command, args []string) error {
			name := ""
			if len(args) > 0 {
				name = args[0]
			}
			return wrap(o.run(command.Context(), s, name), "status")
		},
	}
	command.Flags().BoolVarP(&o.watch, "watch", "w", false, "go on, and print again what changes")
	bindOutput(command, &o.output)
	o.bind(command.Flags())
	return command
}

func (o *statusOptions) run(ctx context.Context, s streams, name string) error {
	if name != "" && o.allNamespaces {
		return usagef("NAME and --all-namespaces exclude each other: name the namespace with -n")
	}
	c, err := o.connect()
	if err != nil {
		return err
	}
	last, err := o.show(ctx, s, c, name, nil)
	if err != nil || !o.watch {
		return err
	}
	for ctx.Err() == nil {
		c.changed(ctx, autoWasms, last.watch(name))
		if sleep.For(ctx, watchPause) != nil {
			break
		}
		next, err := o.show(ctx, s, c, name, last)
		if err != nil {
			return err
		}
		last = next
	}
	return ctx.Err()
}

// shown is what was printed, and at which version of the cluster.
type shown struct {
	report  []byte
	version string
}

// watch is the query for what changes since.
func (s *shown) watch(name string) url.Values {
	query := byName(name)
	query.Set("watch", "true")
	query.Set("resourceVersion", s.version)
	query.Set("timeoutSeconds", fmt.Sprint(int(requestTimeout.Seconds())))
	return query
}

// byName selects one object, all for "".
func byName(name string) url.Values {
	query := url.Values{}
	if name != "" {
		query.Set("fieldSelector", "metadata.name="+name)
	}
	return query
}

// show prints what the cluster has, unless that was printed before.
func (o *statusOptions) show(ctx context.Context, s streams, c *cluster, name string, before *shown) (*shown, error) {
	reports, version, err := collect(ctx, c, name)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := printJSON(&out, statusReport{reports}); err != nil {
		return nil, err
	}
	now := &shown{out.Bytes(), version}
	if before != nil && bytes.Equal(before.report, now.report) {
		return now, nil
	}
	if o.output != outputText {
		return now, printAs(s.Out, o.output, statusReport{reports})
	}
	return now, o.printTrees(s, c, name, reports, before != nil)
}

// statusReport is the output as JSON or YAML.
type statusReport struct {
	AutoWasms []status.Report `json:"autoWasms"`
}

func (o *statusOptions) printTrees(s streams, c *cluster, name string, reports []status.Report, again bool) error {
	var out bytes.Buffer
	if again {
		out.WriteString(separator(s.Out))
	}
	p := status.Printer{Now: time.Now(), All: name != ""}
	for i, r := range reports {
		if i > 0 {
			out.WriteString("\n")
		}
		if err := p.Print(&out, r); err != nil {
			return err
		}
	}
	if len(reports) == 0 {
		fmt.Fprintf(s.Err, "No AutoWasm found%s.\n", inNamespace(c.namespace))
	}
	_, err := s.Out.Write(out.Bytes())
	return err
}

func inNamespace(namespace string) string {
	if namespace == "" {
		return ""
	}
	return " in namespace " + namespace
}
