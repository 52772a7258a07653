// SPDX-License-Identifier: Apache-2.0

package env

import (
	"context"
	"net/http"

	"github.com/autowasm/autowasm/e2e/process"
)

// Probe gets a URL once and returns nil when the answer is 200 OK.
func Probe(ctx context.Context, url string) error { return process.Probe(ctx, http.DefaultClient, url) }
