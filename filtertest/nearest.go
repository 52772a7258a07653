// SPDX-License-Identifier: Apache-2.0

package filtertest

// nearest returns the name that differs by the fewest characters from a wrong one, "" if none differs by less than a third.
func nearest(wrong string, names []string) string {
	best, found := len(wrong)/3+1, ""
	if len(wrong) > 100 {
		return ""
	}
	for _, name := range names {
		if d := distance(wrong, name); d < best {
			best, found = d, name
		}
	}
	return found
}

// distance is how many characters have to be inserted, deleted or replaced to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0]++
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
