// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"

	"github.com/autowasm/autowasm/e2e/build"
	"github.com/autowasm/autowasm/internal/envoy"
)

// Prepare builds and downloads what a mesh of these options runs, so that Start is fast. Where no Envoy can be had, it
// says so on out, in one line with the remedy, and returns the options of a mesh without proxies.
func Prepare(ctx context.Context, b *build.Builder, o Options, out io.Writer) (Options, error) {
	for _, part := range build.MeshParts() {
		if _, err := b.Part(ctx, part); err != nil {
			return o, fmt.Errorf("build the mesh's parts: %w", err)
		}
	}
	if o.WithoutProxies {
		return o, nil
	}
	return withEnvoy(ctx, b, o, out)
}

// withEnvoy leaves the proxies out where they cannot run.
func withEnvoy(ctx context.Context, b *build.Builder, o Options, out io.Writer) (Options, error) {
	if runtime.GOOS != "linux" {
		o.WithoutProxies = true
		fmt.Fprintln(out, "The mesh runs without proxies: they need Linux, which has all of 127.0.0.0/8.")
		return o, nil
	}
	_, err := envoy.Find(ctx, b.Downloads(), o.envoy())
	if ctx.Err() != nil {
		return o, ctx.Err()
	}
	if err != nil {
		o.WithoutProxies = true
		fmt.Fprintf(out, "There is no Envoy, so the mesh runs without proxies: set ENVOY to the path of one (%s).\n", lastLine(err))
	}
	return o, nil
}

// lastLine is where an error with the output of a command says why.
func lastLine(err error) string {
	text := strings.TrimSpace(err.Error())
	return strings.TrimSpace(text[strings.LastIndex(text, "\n")+1:])
}
