// SPDX-License-Identifier: Apache-2.0

package host

import (
	"slices"
	"strconv"
	"strings"
)

// Headers are the headers or trailers of a message in their order, each a name and a value. Names are of lower case;
// those of pseudo-headers, such as :path, come first.
type Headers [][2]string

// Get returns the first value of a header and whether there is one.
func (h Headers) Get(name string) (string, bool) {
	name = strings.ToLower(name)
	for _, field := range h {
		if field[0] == name {
			return field[1], true
		}
	}
	return "", false
}

// Values returns all values of a header.
func (h Headers) Values(name string) []string {
	name = strings.ToLower(name)
	var values []string
	for _, field := range h {
		if field[0] == name {
			values = append(values, field[1])
		}
	}
	return values
}

// Add adds a header behind the others, or behind the other pseudo-headers. A stream joins the values of those of which Envoy
// keeps one.
func (h *Headers) Add(name, value string) {
	name = strings.ToLower(name)
	at := len(*h)
	if strings.HasPrefix(name, ":") {
		for at = 0; at < len(*h) && strings.HasPrefix((*h)[at][0], ":"); at++ {
			continue
		}
	}
	*h = slices.Insert(*h, at, [2]string{name, value})
}

// Set gives a header one value, at the place of its first one or as Add does.
func (h *Headers) Set(name, value string) {
	name = strings.ToLower(name)
	for i, field := range *h {
		if field[0] == name {
			rest := slices.DeleteFunc((*h)[i+1:], func(f [2]string) bool { return f[0] == name })
			*h = (*h)[:i+1+len(rest)]
			(*h)[i][1] = value
			return
		}
	}
	h.Add(name, value)
}

// add adds a header to a map of headers as Envoy does: a second value of a header of which it keeps one is appended to the first
// with a comma.
func (h *Headers) add(of uint32, name, value string) {
	name = strings.ToLower(name)
	if keepsOne(of, name) {
		for i, field := range *h {
			if field[0] == name {
				(*h)[i][1] = field[1] + "," + value
				return
			}
		}
	}
	h.Add(name, value)
}

// replace gives a header one value, behind the others wherever it was: what the filter's call does, see HeaderMapImpl::setCopy.
func (h *Headers) replace(of uint32, name, value string) {
	h.Remove(name)
	h.add(of, name, value)
}

// Remove removes all values of a header.
func (h *Headers) Remove(name string) {
	name = strings.ToLower(name)
	*h = slices.DeleteFunc(*h, func(f [2]string) bool { return f[0] == name })
}

// status returns the status of a response, if it is a number.
func (h Headers) status() (uint32, bool) {
	text, _ := h.Get(":status")
	code, err := strconv.ParseUint(text, 10, 32)
	return uint32(code), err == nil
}

// Clone returns a copy.
func (h Headers) Clone() Headers { return slices.Clone(h) }

// ByteSize returns how many bytes all names and values have.
func (h Headers) ByteSize() int {
	size := 0
	for _, field := range h {
		size += len(field[0]) + len(field[1])
	}
	return size
}

// normalized returns a copy as a map of headers has it: with names of lower case, pseudo-headers first, and values joined.
func (h Headers) normalized(of uint32) Headers {
	var all Headers
	for _, field := range h {
		all.add(of, field[0], field[1])
	}
	return all
}
