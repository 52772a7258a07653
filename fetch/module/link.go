package module

import (
	"fmt"
	"slices"
	"strings"
)

// provided is a function of the host as the linker sees it.
type provided struct {
	signature string
	since     string
	envoy     string
	abis      []string
}

// host has every function that some Envoy provides, by "module.name".
var host = hostTable()

func hostTable() map[string]provided {
	table := make(map[string]provided)
	for _, f := range families {
		for _, function := range f.functions {
			p := provided{signature(paramNames(function.params), f.result), f.since, f.envoy, f.abis}
			for _, module := range f.modules {
				table[module+"."+f.prefix+function.name] = p
			}
		}
	}
	return table
}

func paramNames(letters string) string {
	names := make([]string, 0, len(letters))
	for _, letter := range letters {
		names = append(names, map[rune]string{'i': "i32", 'I': "i64"}[letter])
	}
	return strings.Join(names, ",")
}

// link says of each import of a module of the given ABI whether Envoy provides it.
func link(imports []Import, abi string) {
	seen := make(map[byte]bool)
	for n := range imports {
		i := &imports[n]
		switch i.kind {
		case kindFunction:
			i.linkFunction(abi)
		case kindMemory, kindTable:
			i.linkStorage(seen[i.kind])
			seen[i.kind] = true
		default:
			i.Problem = "Envoy provides no " + i.Kind
		}
	}
}

// linkStorage accepts one memory and one table, which Envoy makes as the module
// wants them, whatever their name. It crashes on a second one.
func (i *Import) linkStorage(again bool) {
	if again {
		i.Problem = "Envoy provides only one " + i.Kind
		return
	}
	i.Since, i.Envoy = "2020-08-04", envoy136
}

func (i *Import) linkFunction(abi string) {
	p, ok := host[i.Module+"."+i.Name]
	switch {
	case !ok:
		i.Problem = "no Envoy up to " + newestEnvoy + " provides it"
	case len(p.abis) > 0 && !slices.Contains(p.abis, abi):
		i.Problem = fmt.Sprintf("Envoy provides it to ABI %s, not to %s", strings.Join(p.abis, " and "), abi)
	case p.signature != i.Signature:
		i.Problem = fmt.Sprintf("signature mismatch: want %s, module has %s", p.signature, i.Signature)
	default:
		i.Since, i.Envoy = p.since, p.envoy
	}
}
