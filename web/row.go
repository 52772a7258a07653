// SPDX-License-Identifier: Apache-2.0

package web

import (
	"encoding/json"
	"fmt"
	"hash/fnv"

	"github.com/autowasm/autowasm/internal/status"
	"github.com/autowasm/autowasm/internal/text"
)

// maxRowMessage bounds a message in a row, in bytes; the AutoWasm's own page has all of it.
const maxRowMessage = 300

// row is an AutoWasm as lists show it: its report without the proxies one by one and what to do about them.
type row struct {
	status.Report
	Level status.Level `json:"level"`
	// Revision changes with all of the report, also with what a row leaves out.
	Revision string `json:"revision"`
}

// encodeRow encodes the row of a report.
func encodeRow(report status.Report) ([]byte, error) {
	whole, err := json.Marshal(report)
	if err != nil {
		return nil, fmt.Errorf("encode AutoWasm %s/%s: %w", report.Namespace, report.Name, err)
	}
	sum := fnv.New64a()
	_, _ = sum.Write(whole) // never fails
	r := row{Report: report, Level: report.Level(), Revision: fmt.Sprintf("%x", sum.Sum64())}
	r.Proxies.All, r.Actions = nil, nil
	for _, message := range []*string{&r.Ready.Message, &r.Config, &r.Trial, &r.Findings} {
		*message = text.Truncate(*message, maxRowMessage)
	}
	encoded, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode AutoWasm %s/%s: %w", report.Namespace, report.Name, err)
	}
	return encoded, nil
}
