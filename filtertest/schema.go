// SPDX-License-Identifier: Apache-2.0

package filtertest

// The types below are the schema of a test file: the messages of plugins/test/runner.proto of Google's Service Extensions,
// and what is marked as ours. The names of fields are those of the tag json; of those with the same tag oneof at most one
// may be set. [descriptor] makes the descriptor of these types by which files are read.

// suite is a whole file.
type suite struct {
	Env  *environment `json:"env"`
	Test []*testCase  `json:"test"`
}

// environment is what all cases of a file have.
type environment struct {
	TestPath   string `json:"test_path"`   // no effect
	WasmPath   string `json:"wasm_path"`   // the module, where the command line names none
	ConfigPath string `json:"config_path"` // a file with the plugin's configuration
	// LogLevel is the lowest of the lines that expectations see; INFO if absent.
	LogLevel logLevel `json:"log_level"`
	LogPath  string   `json:"log_path"` // no effect
	// TimeSecs is where the clock stands, in seconds since 1970; a millisecond after 1970 if absent.
	TimeSecs                    *uint64 `json:"time_secs,string"`
	NumAdditionalStreams        *uint64 `json:"num_additional_streams,string"`         // no effect
	AdditionalStreamAdvanceRate *uint64 `json:"additional_stream_advance_rate,string"` // no effect

	RootID   string    `json:"root_id"`  // ours: spec.filter.rootID of an AutoWasm
	Variable []*header `json:"variable"` // ours: spec.filter.env
}

// logLevel is a value of the enumeration of that name.
type logLevel string

// logLevels are the values, each one more than that of proxy-wasm.
var logLevels = []string{"UNDEFINED", "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "CRITICAL"}

// testCase is one request and its response on their way through the filter.
type testCase struct {
	Name      string `json:"name"`
	Benchmark bool   `json:"benchmark"` // no effect
	// The bodies are given whole, and passed in as so many parts, or in parts of that size.
	NumChunks *int32 `json:"num_chunks" oneof:"body_chunking_plan"`
	ChunkSize *int64 `json:"chunk_size,string" oneof:"body_chunking_plan"`
	// Properties are attributes of the stream.
	Properties []*property `json:"properties"`

	RequestHeaders  *invocation   `json:"request_headers"`
	RequestBody     []*invocation `json:"request_body"`
	ResponseHeaders *invocation   `json:"response_headers"`
	ResponseBody    []*invocation `json:"response_body"`

	// Of these, the logs alone are compared.
	PluginInit    *expectation `json:"plugin_init"`
	StreamInit    *expectation `json:"stream_init"`
	StreamDestroy *expectation `json:"stream_destroy"`
}

// property is an attribute: a path with dots, and its value as the filter gets it.
type property struct {
	Path  string `json:"path"`
	Value []byte `json:"value"`
}

// invocation is what comes to the filter, and what has to become of it.
type invocation struct {
	Input  *input       `json:"input"`
	Result *expectation `json:"result"`
}

// input is given in one of three ways. Content and file of headers are those of HTTP/1.1 with the first line.
type input struct {
	Header  []*header `json:"header"`
	Content []byte    `json:"content"`
	File    string    `json:"file"` // absolute, or relative to the test file
}

type header struct {
	Key   string `json:"key"`
	Value []byte `json:"value"`
}

// expectation is what has to be true after a step.
type expectation struct {
	HasHeader []*header        `json:"has_header"`
	NoHeader  []*header        `json:"no_header"` // values have no effect
	Headers   []*stringMatcher `json:"headers"`   // of lines "name: value"
	Body      []*stringMatcher `json:"body"`
	Immediate *immediate       `json:"immediate"`
	Log       []*stringMatcher `json:"log"`
}

// immediate is a response that the filter gives in the place of the upstream's.
type immediate struct {
	HTTPStatus *uint32 `json:"http_status"`
	GRPCStatus *uint32 `json:"grpc_status"`
	Details    *string `json:"details"`
}

// stringMatcher compares with a text, a regular expression that has to match the whole, or the content of a file. Exact is
// nil unless it is set.
type stringMatcher struct {
	Invert bool    `json:"invert"`
	Exact  []byte  `json:"exact" oneof:"matcher"`
	Regex  *string `json:"regex" oneof:"matcher"`
	File   *string `json:"file" oneof:"matcher"`
}
