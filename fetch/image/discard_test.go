package image_test

import (
	"io"
	"log"
)

// discard silences the registry.
var discard = log.New(io.Discard, "", 0)
