package image_test

import "github.com/autowasm/autowasm/fetch/image/imagetest"

// Short names, so that a row of a table stays a line.
type (
	layer     = imagetest.Layer
	testImage = imagetest.Image
)

var (
	digestOf  = imagetest.Digest
	tarOf     = imagetest.Tar
	tarLink   = imagetest.TarLink
	tarHeader = imagetest.TarHeader
	gzipOf    = imagetest.Gzip
	zstdOf    = imagetest.Zstd
)
