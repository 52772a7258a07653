// SPDX-License-Identifier: Apache-2.0

package browser

// release is the pinned one.
var release = pack{
	name:    "@sparticuz/chromium",
	version: "153.0.0",
	sha256:  "20e5656fcdcf4118ede85edfb9d6bb9cc1bbb7ffb8b75622fffbcf36a835c3c0",
	size:    "70 MB",
}
