// SPDX-License-Identifier: Apache-2.0

package peer

import "time"

// SetTimeout is for machines that are too busy for a good peer to answer in time.
func (a *Accesses) SetTimeout(d time.Duration) { a.timeout = d }
