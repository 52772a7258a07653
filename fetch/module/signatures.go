package module

import "fmt"

// readSignatures finds the signatures of the imported functions and of the
// exported callbacks. Types and functions may number a million: only the wanted
// ones are kept.
func (d *Description) readSignatures(m *layout, c *cursor) error {
	typeIndex, err := d.callbackTypeIndices(m, c)
	if err != nil {
		return err
	}
	wanted := make(map[uint32]bool)
	for _, index := range typeIndex {
		wanted[index] = true
	}
	for _, i := range d.Imports {
		wanted[i.typeIndex] = wanted[i.typeIndex] || i.kind == kindFunction
	}
	types, err := functionTypes(m, c, wanted)
	if err != nil {
		return err
	}
	return d.applySignatures(types, typeIndex)
}

// callbackTypeIndices returns the type index of each exported callback by name.
func (d *Description) callbackTypeIndices(m *layout, c *cursor) (map[string]uint32, error) {
	wanted := make(map[uint32]bool)
	for _, e := range d.exports {
		wanted[e.index] = wanted[e.index] || e.kind == kindFunction
	}
	found, err := d.functionTypeIndices(m, c, wanted)
	if err != nil {
		return nil, err
	}
	byName := make(map[string]uint32, len(d.exports))
	for name, e := range d.exports {
		if e.kind != kindFunction {
			continue
		}
		index, ok := found[e.index]
		if !ok {
			return nil, fmt.Errorf("export %s: there is no function %d", name, e.index)
		}
		byName[name] = index
	}
	return byName, nil
}

// functionTypeIndices returns the type index of each wanted function. Functions
// are numbered with the imported ones first.
func (d *Description) functionTypeIndices(m *layout, c *cursor, wanted map[uint32]bool) (map[uint32]uint32, error) {
	found := make(map[uint32]uint32, len(wanted))
	var number uint32
	for _, i := range d.Imports {
		if i.kind != kindFunction {
			continue
		}
		if wanted[number] {
			found[number] = i.typeIndex
		}
		number++
	}
	number = d.importedFunctions
	err := m.each(c.r, sectionFunction, func(c *cursor, _ uint32) error {
		typeIndex, err := c.u32()
		if wanted[number] {
			found[number] = typeIndex
		}
		number++
		d.Functions++
		return err
	})
	return found, err
}

func (d *Description) applySignatures(types map[uint32]string, callbacks map[string]uint32) error {
	var ok bool
	for i := range d.Imports {
		imported := &d.Imports[i]
		if imported.kind != kindFunction {
			continue
		}
		if imported.Signature, ok = types[imported.typeIndex]; !ok {
			return fmt.Errorf("import %s: there is no function type %d", imported.fullName(), imported.typeIndex)
		}
	}
	d.callbackTypes = make(map[string]string, len(callbacks))
	for name, index := range callbacks {
		if d.callbackTypes[name], ok = types[index]; !ok {
			return fmt.Errorf("export %s: there is no function type %d", name, index)
		}
	}
	return nil
}
