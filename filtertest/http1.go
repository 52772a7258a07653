// SPDX-License-Identifier: Apache-2.0

package filtertest

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/autowasm/autowasm/host"
)

// parseHTTP1 reads the head of a message of HTTP/1.1 as a filter gets it: the first line as pseudo-headers, and with them
// the header host as :authority.
func parseHTTP1(content string, isRequest bool) (host.Headers, error) {
	lines := strings.Split(strings.ReplaceAll(content, "\r\n", "\n"), "\n")
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	if len(lines) == 0 {
		return nil, errors.New("it is empty: begin with a line such as GET / HTTP/1.1, or HTTP/1.1 200 OK")
	}
	pseudo, err := firstLine(lines[0], isRequest)
	if err != nil {
		return nil, err
	}
	_, hasAuthority := pseudo.Get(":authority")
	var fields host.Headers
	for _, line := range lines[1:] {
		name, value, ok := strings.Cut(line, ":")
		if !ok || name == "" || strings.ContainsAny(name, " \t") {
			return nil, fmt.Errorf("%q is no header: write name: value in one line", line)
		}
		value = strings.Trim(value, " \t")
		switch {
		case !isRequest || !strings.EqualFold(name, "host"):
			fields.Add(name, value)
		case !hasAuthority && value != "":
			pseudo.Add(":authority", value)
		}
	}
	return append(pseudo, fields...), nil
}

func firstLine(line string, isRequest bool) (host.Headers, error) {
	parts := strings.SplitN(line, " ", 3)
	if !isRequest {
		if len(parts) < 2 || !strings.HasPrefix(parts[0], "HTTP/") || !isStatus(parts[1]) {
			return nil, fmt.Errorf("%q is no first line of a response: write one such as HTTP/1.1 200 OK", line)
		}
		return host.Headers{{":status", parts[1]}}, nil
	}
	if len(parts) != 3 || parts[0] == "" || !strings.HasPrefix(parts[2], "HTTP/") {
		return nil, fmt.Errorf("%q is no first line of a request: write one such as GET / HTTP/1.1", line)
	}
	headers := host.Headers{{":method", parts[0]}}
	if strings.HasPrefix(parts[1], "/") {
		return append(headers, [2]string{":path", parts[1]}), nil
	}
	target, err := url.Parse(parts[1])
	if err != nil || target.Scheme == "" || target.Host == "" {
		return nil, fmt.Errorf("%q is no target of a request: write a path that begins with /, or a URL with its host", parts[1])
	}
	return append(headers,
		[2]string{":scheme", target.Scheme}, [2]string{":authority", target.Host}, [2]string{":path", target.RequestURI()}), nil
}

func isStatus(code string) bool { return len(code) == 3 && strings.Trim(code, "0123456789") == "" }
