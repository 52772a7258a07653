//go:build wasip1

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"unsafe"
)

// Numbers that the ABI gives to things.
const (
	statusOK           = 0
	statusNotFound     = 1
	actionContinue     = 0
	levelWarn          = 3
	levelError         = 4
	mapResponseHeaders = 2
	bufferPluginConfig = 7
)

//go:wasmimport env proxy_log
func proxyLog(level uint32, message *byte, size uint32) uint32

//go:wasmimport env proxy_get_buffer_bytes
func proxyGetBufferBytes(kind, start, length uint32, data unsafe.Pointer, size *uint32) uint32

//go:wasmimport env proxy_add_header_map_value
func proxyAddHeaderMapValue(kind uint32, name *byte, nameSize uint32, value *byte, valueSize uint32) uint32

// pluginConfiguration asks the host for the configuration of the given size.
func pluginConfiguration(size uint32) (string, error) {
	if size == 0 {
		return "", nil
	}
	var address, got uint32
	switch status := proxyGetBufferBytes(bufferPluginConfig, 0, size, unsafe.Pointer(&address), &got); status {
	case statusOK:
		return string(release(address, got)), nil
	case statusNotFound:
		return "", nil
	default:
		return "", fmt.Errorf("the host answered with status %d", status)
	}
}

func addResponseHeader(name, value string) error {
	status := proxyAddHeaderMapValue(mapResponseHeaders,
		unsafe.StringData(name), uint32(len(name)), unsafe.StringData(value), uint32(len(value)))
	if status != statusOK {
		return fmt.Errorf("add the response header %s: the host answered with status %d", name, status)
	}
	return nil
}

// logf writes a line into Envoy's log.
func logf(level uint32, format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	proxyLog(level, unsafe.StringData(message), uint32(len(message)))
}
