// SPDX-License-Identifier: Apache-2.0

package host

// Status is what a host function answers a filter.
type Status uint32

// The answers that Envoy gives.
const (
	StatusOK                   Status = 0
	StatusNotFound             Status = 1
	StatusBadArgument          Status = 2
	StatusSerializationFailure Status = 3
	StatusParseFailure         Status = 4
	StatusInvalidMemoryAccess  Status = 6
	StatusEmpty                Status = 7
	StatusCasMismatch          Status = 8
	StatusInternalFailure      Status = 10
	StatusBrokenConnection     Status = 11
	StatusUnimplemented        Status = 12
)

// LogLevel is how serious a line of a filter's log is.
type LogLevel uint32

// The levels, as Envoy has them.
const (
	LevelTrace LogLevel = iota
	LevelDebug
	LevelInfo
	LevelWarn
	LevelError
	LevelCritical
)

// String returns the name that Envoy writes, such as warn.
func (l LogLevel) String() string {
	names := [...]string{"trace", "debug", "info", "warn", "error", "critical"}
	if int(l) < len(names) {
		return names[l]
	}
	return "unknown"
}

// The maps of headers that a filter names in its calls.
const (
	mapRequestHeaders = iota
	mapRequestTrailers
	mapResponseHeaders
	mapResponseTrailers
	mapGRPCInitialMetadata
	mapGRPCTrailingMetadata
	mapCallHeaders
	mapCallTrailers
	mapTypes
)

// The buffers that a filter names in its calls.
const (
	bufferRequestBody = iota
	bufferResponseBody
	bufferDownstreamData
	bufferUpstreamData
	bufferCallBody
	bufferGRPCMessage
	bufferVMConfiguration
	bufferPluginConfiguration
	bufferCallData
	bufferTypes
)

// The streams that a filter names in its calls.
const (
	streamRequest = iota
	streamResponse
	streamDownstream
	streamUpstream
	streamTypes
)

// The answers of a filter to headers, where any higher number is stopAllAndWatermark.
const (
	headersContinue            = 0
	headersStop                = 1
	headersContinueToEnd       = 2 // which Envoy takes for headersContinue
	headersStopAllAndBuffer    = 3
	headersStopAllAndWatermark = 4
)

// The answers of a filter to a part of a body, where any higher number is dataStopNoBuffer.
const (
	dataContinue         = 0
	dataStopAndBuffer    = 1
	dataStopAndWatermark = 2
	dataStopNoBuffer     = 3
)

// grpcStatusMax is the highest status that gRPC knows.
const grpcStatusMax = 16
