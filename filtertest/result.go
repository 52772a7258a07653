// SPDX-License-Identifier: Apache-2.0

package filtertest

// Result is what came of a case.
type Result struct {
	// Name of the case.
	Name string `json:"name"`
	// Passed is whether all expectations were met.
	Passed bool `json:"passed"`
	// Failures say which were not, each in one line that begins with the step.
	Failures []string `json:"failures,omitempty"`
	// Log is the start of what the filter wrote, of a case that failed.
	Log []string `json:"log,omitempty"`
	// Notes say what of Envoy the filter used that the host does not have, of a case that failed.
	Notes []string `json:"notes,omitempty"`
	// Seconds that the case took.
	Seconds float64 `json:"seconds"`
}

// Suite is what came of the cases of a file.
type Suite struct {
	// File is the path of the test file.
	File string `json:"file"`
	// Module is what was tested, a file or an image, as the caller named it.
	Module string `json:"module"`
	// Cases in the order of the file.
	Cases []Result `json:"cases"`
	// Notes say what of the file has no effect.
	Notes []string `json:"notes,omitempty"`
}

// Failed returns how many cases failed.
func (s *Suite) Failed() int {
	failed := 0
	for _, r := range s.Cases {
		if !r.Passed {
			failed++
		}
	}
	return failed
}

// Report is what came of test files.
type Report struct {
	// Suites, one for each file.
	Suites []Suite `json:"suites"`
	// Passed and Failed are how many cases did, in all files.
	Passed int `json:"passed"`
	Failed int `json:"failed"`
}

// NewReport sums up.
func NewReport(suites ...Suite) *Report {
	r := &Report{Suites: suites}
	for _, s := range suites {
		r.Failed += s.Failed()
		r.Passed += len(s.Cases) - s.Failed()
	}
	return r
}
