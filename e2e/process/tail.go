// SPDX-License-Identifier: Apache-2.0

package process

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
)

// tailBytes bounds what Tail reads, and so what it returns.
const tailBytes = 16 << 10

// Tail returns the last lines of a file, at most n of them and no more than 16 KiB, without their line ends.
func Tail(path string, n int) ([]string, error) { return tailFrom(path, 0, n) }

// tailFrom is Tail of what follows an offset.
func tailFrom(path string, offset int64, n int) ([]string, error) {
	end, err := readEnd(path, offset)
	if err != nil {
		return nil, fmt.Errorf("read the end of %s: %w", path, err)
	}
	text := strings.TrimRight(string(end), "\n")
	if text == "" {
		return nil, nil
	}
	lines := strings.Split(text, "\n")
	return lines[max(0, len(lines)-n):], nil
}

// readEnd reads the last tailBytes of what follows an offset in a file, from the start of a line.
func readEnd(path string, offset int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	start := max(offset, info.Size()-tailBytes)
	end, err := io.ReadAll(io.NewSectionReader(f, start, tailBytes))
	if err != nil || start == offset {
		return end, err
	}
	if _, whole, ok := bytes.Cut(end, []byte("\n")); ok {
		return whole, nil
	}
	return end, nil
}
