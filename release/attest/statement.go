// SPDX-License-Identifier: Apache-2.0

package attest

import (
	"encoding/json"
	"fmt"

	"github.com/autowasm/autowasm/release/program"
)

// The types of what is stated.
const (
	PredicateSPDX       = "https://spdx.dev/Document"
	PredicateProvenance = "https://slsa.dev/provenance/v1"
)

// A Statement is about one image: in-toto Statement v1.
type Statement struct {
	Type          string    `json:"_type"`
	Subject       []Subject `json:"subject"`
	PredicateType string    `json:"predicateType"`
	Predicate     any       `json:"predicate"`
}

// A Subject is what a statement is about.
type Subject struct {
	Name   string            `json:"name"`
	Digest map[string]string `json:"digest"`
}

// Source says where a program comes from.
type Source struct {
	// URL of the repository.
	URL    string
	Commit program.Commit
}

// Statements returns the SBOM and the provenance of a binary, about the image of a sha256 (hex) that holds it.
func Statements(b *program.Binary, from Source, imageSHA256 string) []Statement {
	about := []Subject{{Name: b.Program.Name, Digest: map[string]string{"sha256": imageSHA256}}}
	return []Statement{
		{Type: statementType, Subject: about, PredicateType: PredicateSPDX, Predicate: newDocument(b, from)},
		{Type: statementType, Subject: about, PredicateType: PredicateProvenance, Predicate: newProvenance(b, from)},
	}
}

const statementType = "https://in-toto.io/Statement/v1"

// Encode returns the statement as JSON.
func (s Statement) Encode() ([]byte, error) {
	raw, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		return nil, fmt.Errorf("encode the statement %s: %w", s.PredicateType, err)
	}
	return raw, nil
}
