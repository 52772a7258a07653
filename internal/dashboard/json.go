// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"bytes"
	"encoding/json"
)

// The grid of Grafana is 24 columns wide.
const (
	columns     = 24
	graphWidth  = 8
	graphHeight = 8
	numberWidth = 4
	numberHigh  = 4
)

// JSON is the dashboard as Grafana imports it. Its datasource and job are variables.
func JSON() ([]byte, error) {
	b := &builder{}
	for _, r := range rows {
		b.addRow(r)
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(map[string]any{
		"uid": "wasmer", "title": "AutoWasm: wasmer", "tags": []string{"autowasm", "istio"},
		"schemaVersion": 39, "version": 1, "editable": true, "refresh": "30s",
		"time":       map[string]any{"from": "now-6h", "to": "now"},
		"templating": map[string]any{"list": variables()},
		"panels":     b.panels,
	})
	return out.Bytes(), err
}

func variables() []any {
	return []any{
		map[string]any{"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"},
		map[string]any{
			"name": "job", "label": "Job", "type": "query", "datasource": datasource(), "refresh": 2, "multi": true, "includeAll": true,
			"current":    map[string]any{"text": "All", "value": "$__all"},
			"definition": "label_values(wasmer_store_modules, job)",
			"query":      map[string]any{"query": "label_values(wasmer_store_modules, job)", "refId": "job"},
		},
	}
}

func datasource() map[string]any { return map[string]any{"type": "prometheus", "uid": "${datasource}"} }

// builder places panels from the left to the right, and from the top down.
type builder struct {
	panels []any
	x, y   int
}

func (b *builder) addRow(r row) {
	b.add(map[string]any{"type": "row", "title": r.title, "collapsed": false, "panels": []any{}}, columns, 1)
	height := 0
	for _, p := range r.panels {
		width := graphWidth
		height = graphHeight
		if p.isNumber {
			width, height = numberWidth, numberHigh
		}
		b.add(p.json(), width, height)
	}
	if b.x > 0 {
		b.x, b.y = 0, b.y+height
	}
}

func (b *builder) add(p map[string]any, width, height int) {
	p["id"] = len(b.panels) + 1
	p["gridPos"] = map[string]any{"x": b.x, "y": b.y, "w": width, "h": height}
	b.panels = append(b.panels, p)
	if b.x += width; b.x >= columns {
		b.x, b.y = 0, b.y+height
	}
}

func (p panel) json() map[string]any {
	kind, options := "timeseries", map[string]any{
		"legend":  map[string]any{"displayMode": "list", "placement": "bottom"},
		"tooltip": map[string]any{"mode": "multi", "sort": "desc"},
	}
	if p.isNumber {
		kind, options = "stat", map[string]any{"colorMode": "none", "reduceOptions": map[string]any{"calcs": []string{"lastNotNull"}}}
	}
	return map[string]any{
		"type": kind, "title": p.title, "description": p.description, "datasource": datasource(), "options": options, "targets": p.targets(),
		"fieldConfig": map[string]any{"defaults": map[string]any{"unit": p.unit, "min": 0}, "overrides": []any{}},
	}
}

func (p panel) targets() []any {
	var all []any
	for i, q := range p.queries {
		all = append(all, map[string]any{
			"refId": string(rune('A' + i)), "datasource": datasource(), "expr": q.expr, "legendFormat": q.legend, "instant": p.isNumber, "range": !p.isNumber,
		})
	}
	return all
}
