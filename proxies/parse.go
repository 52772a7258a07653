package proxies

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

const (
	// MaxStats is how much of a proxy's statistics is read, in bytes.
	MaxStats = 4 << 20
	// maxLine is the longest line of it, in bytes.
	maxLine = 64 << 10
	// maxValue bounds a value, so that sums and products of them do not overflow.
	maxValue = 1 << 30
)

// Parse reads a Report from a proxy's statistics in Prometheus' text format. What it
// does not know is ignored. More than MaxStats bytes, or a line of more than 64 KiB,
// are an error.
func Parse(r io.Reader) (Report, error) {
	limited := &io.LimitedReader{R: r, N: MaxStats + 1}
	lines := bufio.NewScanner(limited)
	lines.Buffer(nil, maxLine)
	s := newStats()
	for lines.Scan() {
		if name, value, ok := sample(lines.Text()); ok {
			s.add(name, value)
		}
	}
	if err := lines.Err(); err != nil {
		return Report{}, fmt.Errorf("read a proxy's statistics: %w", err)
	}
	if limited.N <= 0 {
		return Report{}, fmt.Errorf("read a proxy's statistics: more than %d bytes", MaxStats)
	}
	return s.report(), nil
}

// sample takes a line apart: name{labels} value [time]. Labels may hold anything, the
// rest neither spaces nor braces.
func sample(line string) (name string, value int64, ok bool) {
	name, rest := line, ""
	if i := strings.IndexByte(line, '{'); i >= 0 {
		name, rest = line[:i], line[strings.LastIndexByte(line, '}')+1:]
	} else {
		name, rest, _ = strings.Cut(line, " ")
	}
	fields := strings.Fields(rest)
	if name == "" || strings.HasPrefix(name, "#") || len(fields) == 0 || len(fields) > 2 {
		return "", 0, false
	}
	value, ok = number(fields[0])
	return name, value, ok
}

// number is the whole part of a value; what cannot count anything is none.
func number(text string) (int64, bool) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(f) || f < 0 {
		return 0, false
	}
	return int64(min(f, maxValue)), true
}
