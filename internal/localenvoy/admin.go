// SPDX-License-Identifier: Apache-2.0

package localenvoy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
)

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 1 << 20

// admin is the client of an Envoy's admin interface.
type admin struct{ client *http.Client }

func newAdmin(socket string) admin {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}
	return admin{&http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}}
}

func (a admin) get(ctx context.Context, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://admin"+path, nil)
	if err != nil {
		return nil, err
	}
	response, err := a.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s of Envoy's admin interface: %s", path, response.Status)
	}
	return body, err
}

// address returns where Envoy listens, once it accepts connections.
func (a admin) address(ctx context.Context) (string, error) {
	if _, err := a.get(ctx, "/ready"); err != nil {
		return "", err
	}
	body, err := a.get(ctx, "/listeners?format=json")
	if err != nil {
		return "", err
	}
	var answer struct {
		Statuses []struct {
			Address struct {
				Socket struct {
					Address string `json:"address"`
					Port    int    `json:"port_value"`
				} `json:"socket_address"`
			} `json:"local_address"`
		} `json:"listener_statuses"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return "", err
	}
	if len(answer.Statuses) != 1 || answer.Statuses[0].Address.Socket.Port == 0 {
		return "", errors.New("there is no listener yet")
	}
	socket := answer.Statuses[0].Address.Socket
	return net.JoinHostPort(socket.Address, strconv.Itoa(socket.Port)), nil
}

// outcomes are the statistics that count the versions that Envoy got, and those that it refused.
var outcomes = regexp.MustCompile(`(?m)extension_config_discovery\S*\.(config_reload|update_rejected): (\d+)$`)

// counts are how many versions Envoy got, and how many of them it refused.
type counts struct{ got, refused int }

func (a admin) counts(ctx context.Context) (c counts, err error) {
	body, err := a.get(ctx, "/stats?filter=extension_config_discovery")
	if err != nil {
		return c, err
	}
	for _, match := range outcomes.FindAllSubmatch(body, -1) {
		n, err := strconv.Atoi(string(match[2]))
		if err != nil {
			return c, err
		}
		if string(match[1]) == "config_reload" {
			c.got = n
		} else {
			c.refused = n
		}
	}
	return c, nil
}
