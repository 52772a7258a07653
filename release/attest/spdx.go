// SPDX-License-Identifier: Apache-2.0

package attest

import (
	"fmt"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"github.com/autowasm/autowasm/release/program"
)

// document is an SPDX 2.3 document: the program, the Go modules and the standard library that are linked into it.
type document struct {
	SPDXVersion       string         `json:"spdxVersion"`
	DataLicense       string         `json:"dataLicense"`
	SPDXID            string         `json:"SPDXID"`
	Name              string         `json:"name"`
	DocumentNamespace string         `json:"documentNamespace"`
	CreationInfo      creationInfo   `json:"creationInfo"`
	Packages          []spdxPackage  `json:"packages"`
	Relationships     []relationship `json:"relationships"`
}

type creationInfo struct {
	Created  string   `json:"created"`
	Creators []string `json:"creators"`
}

type spdxPackage struct {
	Name             string        `json:"name"`
	SPDXID           string        `json:"SPDXID"`
	VersionInfo      string        `json:"versionInfo"`
	DownloadLocation string        `json:"downloadLocation"`
	FilesAnalyzed    bool          `json:"filesAnalyzed"`
	LicenseConcluded string        `json:"licenseConcluded"`
	LicenseDeclared  string        `json:"licenseDeclared"`
	CopyrightText    string        `json:"copyrightText"`
	Purpose          string        `json:"primaryPackagePurpose"`
	Checksums        []checksum    `json:"checksums,omitempty"`
	ExternalRefs     []externalRef `json:"externalRefs"`
	Comment          string        `json:"comment,omitempty"`
}

type checksum struct {
	Algorithm string `json:"algorithm"`
	Value     string `json:"checksumValue"`
}

type externalRef struct {
	Category string `json:"referenceCategory"`
	Type     string `json:"referenceType"`
	Locator  string `json:"referenceLocator"`
}

type relationship struct {
	Element string `json:"spdxElementId"`
	Type    string `json:"relationshipType"`
	Related string `json:"relatedSpdxElement"`
}

const (
	documentID  = "SPDXRef-DOCUMENT"
	programID   = "SPDXRef-Program"
	noAssertion = "NOASSERTION"
	license     = "Apache-2.0"
	creator     = "autowasm-release"
)

func newDocument(b *program.Binary, from Source) document {
	name := fmt.Sprintf("%s-%s-%s-%s", b.Program.Name, b.Version, b.Platform.OS, b.Platform.Arch)
	d := document{
		SPDXVersion: "SPDX-2.3", DataLicense: "CC0-1.0", SPDXID: documentID, Name: name,
		DocumentNamespace: fmt.Sprintf("%s/spdx/%s-%s", from.URL, url.PathEscape(name), b.SHA256),
		CreationInfo:      creationInfo{Created: from.Commit.Time.Format(time.RFC3339), Creators: []string{"Tool: " + creator}},
		Packages:          []spdxPackage{programPackage(b, from)},
		Relationships:     []relationship{{documentID, "DESCRIBES", programID}},
	}
	for i, p := range linked(b.Info) {
		p.SPDXID = fmt.Sprintf("SPDXRef-Package-%d", i+1)
		d.Packages = append(d.Packages, p)
		d.Relationships = append(d.Relationships, relationship{programID, "DEPENDS_ON", p.SPDXID})
	}
	return d
}

func programPackage(b *program.Binary, from Source) spdxPackage {
	return spdxPackage{
		Name: b.Program.Name, SPDXID: programID, VersionInfo: b.Version, Purpose: "APPLICATION",
		DownloadLocation: fmt.Sprintf("git+%s@%s", from.URL, from.Commit.Revision),
		LicenseConcluded: license, LicenseDeclared: license, CopyrightText: noAssertion,
		Checksums:    []checksum{{"SHA256", b.SHA256}},
		ExternalRefs: []externalRef{packageURL(b.Info.Main.Path, b.Version)},
	}
}

// linked are the standard library, then the modules in the order of their paths.
func linked(info *debug.BuildInfo) []spdxPackage {
	version, _, _ := strings.Cut(strings.TrimPrefix(info.GoVersion, "go"), " ")
	packages := []spdxPackage{library("stdlib", version, "")}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		packages = append(packages, library(m.Path, m.Version, m.Sum))
	}
	return packages
}

// library is a module. Go's own sum of it is no checksum of a file, which is what SPDX has a field for.
func library(path, version, sum string) spdxPackage {
	p := spdxPackage{
		Name: path, VersionInfo: version, Purpose: "LIBRARY", DownloadLocation: noAssertion,
		LicenseConcluded: noAssertion, LicenseDeclared: noAssertion, CopyrightText: noAssertion,
		ExternalRefs: []externalRef{packageURL(path, version)},
	}
	if sum != "" {
		p.Comment = "go.sum " + sum
	}
	return p
}

// packageURL is how vulnerability databases know a Go module.
func packageURL(path, version string) externalRef {
	locator := "pkg:golang/" + strings.ToLower(path) + "@" + url.QueryEscape(version)
	return externalRef{Category: "PACKAGE-MANAGER", Type: "purl", Locator: locator}
}
