// SPDX-License-Identifier: Apache-2.0

package behaviour

import (
	"os"
	"testing"

	"github.com/autowasm/autowasm/e2e/suite"
)

var cluster *suite.Cluster

func TestMain(m *testing.M) { os.Exit(suite.Main(m, &cluster)) }
