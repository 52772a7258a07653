// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// definition is a metric as the program defines it.
type definition struct {
	kind   string // Counter, Gauge, Histogram; "" for those of a Desc
	labels []string
	dir    string // of the package
}

// definitions finds the metrics in the sources, by name.
func definitions(t *testing.T) map[string]definition {
	t.Helper()
	once.Do(func() { defined = readDefinitions(t) })
	return defined
}

var (
	once    sync.Once
	defined map[string]definition
)

func readDefinitions(t *testing.T) map[string]definition {
	t.Helper()
	all := map[string]definition{}
	eachFile(t, false, func(dir string, file *ast.File) {
		ast.Inspect(file, func(node ast.Node) bool {
			if call, ok := node.(*ast.CallExpr); ok {
				if name, found := defines(call); name != "" {
					found.dir = dir
					all[name] = found
				}
			}
			return true
		})
	})
	if len(all) < 10 {
		t.Fatalf("the metrics are not found any more: %v", all)
	}
	return all
}

// eachFile parses the files of the product, or its tests.
func eachFile(t *testing.T, tests bool, visit func(dir string, file *ast.File)) {
	t.Helper()
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == "e2e" || entry.Name() == "examples" || strings.HasPrefix(entry.Name(), ".") && entry.Name() != ".." || entry.Name() == "dashboard") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") != tests {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err == nil {
			visit(filepath.Dir(path), file)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// defines returns the name of the metric that a call makes, or "".
func defines(call *ast.CallExpr) (string, definition) {
	if len(call.Args) == 0 {
		return "", definition{}
	}
	var found definition
	if selector, ok := call.Fun.(*ast.SelectorExpr); ok {
		kind := strings.TrimPrefix(selector.Sel.Name, "New")
		found.kind = strings.TrimSuffix(strings.TrimSuffix(kind, "Vec"), "Func")
	}
	if name := literal(call.Args[0]); strings.HasPrefix(name, "wasmer_") { // NewDesc, and what wraps NewGaugeFunc
		var labels []string
		if len(call.Args) > 2 {
			labels = wordsOf(call.Args[2])
		}
		return name, definition{labels: labels}
	}
	options, ok := call.Args[0].(*ast.CompositeLit)
	if !ok {
		return "", definition{}
	}
	name := ""
	for _, element := range options.Elts {
		pair, ok := element.(*ast.KeyValueExpr)
		if !ok {
			continue
		}
		switch key, _ := pair.Key.(*ast.Ident); {
		case key == nil:
		case key.Name == "Name":
			name = literal(pair.Value)
		case key.Name == "ConstLabels":
			found.labels = append(found.labels, keysOf(pair.Value)...)
		}
	}
	if !strings.HasPrefix(name, "wasmer_") {
		return "", definition{}
	}
	if len(call.Args) > 1 {
		found.labels = append(found.labels, wordsOf(call.Args[1])...)
	}
	return name, found
}

func literal(expr ast.Expr) string {
	basic, ok := expr.(*ast.BasicLit)
	if !ok || basic.Kind != token.STRING {
		return ""
	}
	text, _ := strconv.Unquote(basic.Value)
	return text
}

func wordsOf(expr ast.Expr) []string {
	var all []string
	if list, ok := expr.(*ast.CompositeLit); ok {
		for _, element := range list.Elts {
			all = append(all, literal(element))
		}
	}
	return all
}

func keysOf(expr ast.Expr) []string {
	var all []string
	if object, ok := expr.(*ast.CompositeLit); ok {
		for _, element := range object.Elts {
			if pair, ok := element.(*ast.KeyValueExpr); ok {
				all = append(all, literal(pair.Key))
			}
		}
	}
	return all
}

// TestEveryMetricIsProvenToMove: a test of the package that defines a metric names it.
func TestEveryMetricIsProvenToMove(t *testing.T) {
	tested := map[string]string{}
	eachFile(t, true, func(dir string, file *ast.File) {
		ast.Inspect(file, func(node ast.Node) bool {
			if basic, ok := node.(*ast.BasicLit); ok && basic.Kind == token.STRING {
				tested[dir] += basic.Value + "\n"
			}
			return true
		})
	})
	for name, d := range definitions(t) {
		if !strings.Contains(tested[d.dir], name) {
			t.Errorf("no test in %s names %s", d.dir, name)
		}
	}
}
