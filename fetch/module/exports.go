package module

import (
	"fmt"
	"strings"
)

// abiPrefix is how the name of every function begins that marks an ABI.
const abiPrefix = "proxy_abi_version_"

// export is an export whose name means something to Envoy.
type export struct {
	kind  byte
	index uint32
}

// readExports reads the export section. It keeps what Envoy looks for by name,
// counts the rest, and notes the ABI: like Envoy, the first one that is known.
func (d *Description) readExports(m *layout, c *cursor) error {
	d.exports = make(map[string]export)
	return m.each(c.r, sectionExport, func(c *cursor, _ uint32) error {
		name, err := c.name()
		if err != nil {
			return fmt.Errorf("name: %w", err)
		}
		kind, err := c.byte()
		if err != nil {
			return err
		}
		index, err := c.u32()
		if err != nil {
			return err
		}
		d.noteExport(name, export{kind, index})
		return nil
	})
}

func (d *Description) noteExport(name string, e export) {
	d.Exports++
	if e.kind == kindMemory {
		d.exportsMemory = true
	}
	if strings.HasPrefix(name, abiPrefix) {
		d.noteABI(name, e)
		return
	}
	if isCallback(name) {
		d.exports[name] = e
	}
}

// noteABI takes up an export that is named as the mark of an ABI.
func (d *Description) noteABI(name string, e export) {
	if version, known := abiVersions[name]; known && e.kind == kindFunction && d.ABI == "" {
		d.ABI = version
		return
	}
	if d.strangeABI == "" {
		d.strangeABI = name
		d.strangeABIKind = e.kind
	}
}
