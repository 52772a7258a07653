// SPDX-License-Identifier: Apache-2.0

package filtertest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/autowasm/autowasm/host"
)

// File is a test file whose cases can be run.
type File struct {
	// Path is where it was read.
	Path string
	// Module is the path of the module that the file names, "" if it names none.
	Module string
	// Inputs are the files that it names, which were read with it: of inputs, expectations and the configuration.
	Inputs []string
	// Notes say what in it has no effect.
	Notes []string

	inputs        map[string][]byte
	inputBytes    int
	configuration []byte
	rootID        string
	variables     [][2]string
	level         host.LogLevel
	clock         time.Time
	cases         []*plan
}

// Read reads a test file and the files that it names, relative to it, and checks all of it. A mistake is a *FileError. The
// form is that of the extension: text protobuf for .textpb, .txtpb, .textproto, .pbtxt; YAML for .yaml, .yml, .json.
func Read(path string) (*File, error) {
	content, err := readFile(path, maxFile)
	if err != nil {
		return nil, fmt.Errorf("read the test file %s: %w", path, err)
	}
	all, err := parse(path, content)
	if err != nil {
		return nil, err
	}
	f := &File{Path: path, inputs: map[string][]byte{}}
	if err := f.setEnvironment(all.Env); err != nil {
		return nil, &FileError{Path: path, Problem: err.Error()}
	}
	if len(all.Test) == 0 || len(all.Test) > maxCases {
		problem := fmt.Sprintf("it has %d cases, and wants 1 to %d: each is a test", len(all.Test), maxCases)
		return nil, &FileError{Path: path, Problem: problem}
	}
	for i, c := range all.Test {
		p, err := f.plan(c)
		if err != nil {
			return nil, &FileError{path, lineOf(string(content), c.Name), fmt.Sprintf("%s: %s", nameOf(c, i), err)}
		}
		f.cases = append(f.cases, p)
	}
	f.note(all)
	return f, nil
}

func nameOf(c *testCase, i int) string {
	if c.Name == "" {
		return fmt.Sprintf("test %d", i+1)
	}
	return "test " + quoted(c.Name)
}

// lineOf finds the line of a case by its name, 0 if it is not found.
func lineOf(content, name string) int {
	if name == "" {
		return 0
	}
	named := regexp.MustCompile(`\bname"?\s*:\s*["']?` + regexp.QuoteMeta(name) + `(["']|\s*$|\s*[\n#,}])`)
	at := named.FindStringIndex(content)
	if at == nil {
		return 0
	}
	return strings.Count(content[:at[0]], "\n") + 1
}

// setEnvironment applies what is for all cases.
func (f *File) setEnvironment(env *environment) error {
	f.level, f.clock = host.LevelInfo, time.UnixMilli(1)
	if env == nil {
		return nil
	}
	if env.WasmPath != "" {
		f.Module = f.resolve(env.WasmPath)
	}
	if env.ConfigPath != "" {
		content, err := f.read(env.ConfigPath)
		if err != nil {
			return fmt.Errorf("env.config_path: %w", err)
		}
		f.configuration = content
	}
	for i, level := range logLevels[1:] {
		if string(env.LogLevel) == level {
			f.level = host.LogLevel(i)
		}
	}
	if env.TimeSecs != nil && *env.TimeSecs > 0 {
		if *env.TimeSecs > maxTime {
			return fmt.Errorf("env.time_secs: %d is beyond the year 2200: give seconds since 1970", *env.TimeSecs)
		}
		f.clock = time.Unix(int64(*env.TimeSecs), 0)
	}
	f.rootID = env.RootID
	for i, v := range env.Variable {
		if v.Key == "" || strings.ContainsAny(v.Key, "=\x00") {
			return fmt.Errorf("env.variable[%d]: %q is no name of an environment variable", i, v.Key)
		}
		f.variables = append(f.variables, [2]string{v.Key, string(v.Value)})
	}
	return nil
}

// maxTime is the latest second that a clock of nanoseconds in 63 bits has, less some decades.
const maxTime = 7_258_118_400

// note says what of the file has no effect.
func (f *File) note(all *suite) {
	benchmarks := 0
	for _, c := range all.Test {
		if c.Benchmark {
			benchmarks++
		}
	}
	if benchmarks > 0 {
		f.Notes = append(f.Notes, fmt.Sprintf(
			"benchmarks (%d) are not run: the speed of this host says nothing about Envoy's", benchmarks))
	}
	if all.Env == nil {
		return
	}
	if all.Env.LogPath != "" {
		f.Notes = append(f.Notes, "env.log_path is not written: the log of a case that fails is shown with it")
	}
}

// resolve returns the path of a file that the test file names.
func (f *File) resolve(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(f.Path), path)
}

// read reads a file that the test file names, once.
func (f *File) read(name string) ([]byte, error) {
	path := f.resolve(name)
	if content, ok := f.inputs[path]; ok {
		return content, nil
	}
	f.Inputs = append(f.Inputs, path)
	content, err := readFile(path, maxInput)
	if f.inputBytes += len(content); err == nil && f.inputBytes > maxInputs {
		err = fmt.Errorf("the files that the test file names have more than %d bytes", maxInputs)
	}
	if err != nil {
		return nil, err
	}
	f.inputs[path] = content
	return content, nil
}

// readFile reads a regular file of a limited size: others may never end.
func readFile(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New(path + " is not a regular file")
	case info.Size() > limit:
		return nil, fmt.Errorf("%s has %d bytes; the limit is %d", path, info.Size(), limit)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, limit))
}
