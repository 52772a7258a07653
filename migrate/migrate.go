// SPDX-License-Identifier: Apache-2.0

package migrate

import (
	"slices"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/istio"
	"github.com/autowasm/autowasm/internal/manifest"
)

// Options are what the old objects do not say.
type Options struct {
	// RootNamespace is that of Istio's mesh-wide configuration; "" is none.
	RootNamespace string
	// Contexts limit what is made of objects that are for more: no AutoWasm is made for others. Empty is all.
	Contexts []v1alpha1.Context
	// Image holds the module of filters whose file is in the proxies themselves; "" is none.
	Image string
}

// Result is what became of the objects.
type Result struct {
	// Migrated are in the order of the objects that they come from.
	Migrated []Migrated
	// Notes are on the objects that were read.
	Notes []Note
	// Skipped are the objects of other kinds.
	Skipped []manifest.Object
}

// Migrated is an AutoWasm, which validation.Validate admits.
type Migrated struct {
	AutoWasm *v1alpha1.AutoWasm
	// From is the old object, and At where in the file it is.
	From, At string
}

// Complete reports whether the AutoWasms do all that the old objects do.
func (r Result) Complete() bool {
	return !slices.ContainsFunc(r.Notes, func(n Note) bool { return n.Level == NotMapped || n.Level == Refused })
}

// Objects migrates what it knows of the objects. They are not changed.
func Objects(objects []manifest.Object, o Options) Result {
	m := &migration{
		options:    o,
		log:        &log{seen: map[Note]bool{}},
		taken:      map[string]bool{},
		extensions: map[string]*extension{},
		references: map[string]bool{},
		mounts:     mountsIn(objects),
	}
	m.survey(objects)
	for _, object := range objects {
		if !m.read(object) {
			m.result.Skipped = append(m.result.Skipped, object)
		}
	}
	m.mounts.finish(m)
	m.result.Skipped = slices.DeleteFunc(m.result.Skipped, func(o manifest.Object) bool { return m.mounts.used[o.At] })
	m.result.Notes = m.log.notes()
	return m.result
}

// migration is the state of one call.
type migration struct {
	options Options
	result  Result
	log     *log
	// taken are the names, "<namespace>/<name>", that no further AutoWasm may have.
	taken map[string]bool
	// extensions are the patches that define what others refer to, and references what is referred to, by extensionKey.
	extensions map[string]*extension
	references map[string]bool
	mounts     *mounts
}

const (
	extensionsGroup = "extensions.istio.io"
	networkingGroup = "networking.istio.io"
	wasmeGroup      = "wasme.io"
)

// read migrates an object, and reports false where it is of another kind.
func (m *migration) read(object manifest.Object) bool {
	switch {
	case object.IsA(extensionsGroup, "WasmPlugin"):
		m.convert(object, m.wasmPlugin)
	case object.IsA(extensionsGroup, "TrafficExtension") && hasWasm(object):
		m.convert(object, m.trafficExtension)
	case object.IsA(networkingGroup, istio.EnvoyFilterKind) && m.concernsWasm(object):
		m.convert(object, m.envoyFilter)
	case object.IsA(wasmeGroup, "FilterDeployment"):
		m.convert(object, m.filterDeployment)
	default:
		return false
	}
	return true
}

func (m *migration) convert(object manifest.Object, read func(*subject)) {
	found := &findings{log: m.log, object: object.String()}
	root := newFields("", object.Content, found)
	root.leaveOut("it says what was, not what is wanted", "status")
	root.take("apiVersion")
	root.take("kind")
	s := &subject{findings: found, object: object}
	m.readMetadata(s, root.child("metadata"))
	s.spec = root.child("spec")
	read(s)
	root.finish()
	m.emit(s)
}
