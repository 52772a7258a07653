// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/validation"
)

// runner is what runs the filter: Envoy, or the host of wasmc itself.
type runner interface {
	// Address is where it listens.
	Address() string
	// Load replaces the filter. failure says why the new one does not run and the last one goes on, "" if it runs.
	Load(ctx context.Context, wasm, config []byte) (failure string, err error)
	// Done is closed when it has ended by itself, and Err then says why.
	Done() <-chan struct{}
	Err() error
	// Close ends it.
	Close()
}

// loader reads the versions of a filter.
type loader struct {
	options *runOptions
	streams streams
	target  string
	kept    []byte // a module that is not watched, once it has been read
	runs    bool   // a version does
}

// watchesModule is whether the module is a file, which may change: an image stays as it was at first.
func (l *loader) watchesModule() bool {
	isImage, err := namesImage(l.target)
	return err == nil && !isImage && l.target != "-"
}

// watched are the files that a version is made of.
func (l *loader) watched() (paths []string) {
	if l.watchesModule() {
		paths = append(paths, l.target)
	}
	if l.options.config != "" {
		paths = append(paths, l.options.config)
	}
	return paths
}

// load reads the module and its configuration, which is nil where there is none. A module that no Envoy loads is an error.
func (l *loader) load(ctx context.Context) (wasm, config []byte, err error) {
	if wasm, err = l.loadModule(ctx); err != nil || l.options.config == "" {
		return wasm, nil, err
	}
	config, err = readConfig(l.options.config)
	return wasm, config, wrap(err, "read --config")
}

// readConfig reads a configuration that apply would admit by its size, from a file that can be read again. An empty one is not nil.
func readConfig(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", path)
	}
	if err != nil {
		return nil, err
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, validation.MaxConfig+1))
	if err == nil && len(content) > validation.MaxConfig {
		err = fmt.Errorf("%s has more than %d KiB, which apply denies: let the module load large data by itself", path, validation.MaxConfig>>10)
	}
	return content, err
}

func (l *loader) loadModule(ctx context.Context) ([]byte, error) {
	if l.kept != nil {
		return l.kept, nil
	}
	wasm, err := l.options.loadModule(ctx, l.streams, l.target)
	if err != nil {
		return nil, err
	}
	if _, err := module.Inspect(bytes.NewReader(wasm), int64(len(wasm))); err != nil {
		return nil, err
	}
	if !l.watchesModule() {
		l.kept = wasm
	}
	return wasm, nil
}

// follow loads a version after each change of a file, until ctx or the runner ends. What is wrong with a version is printed,
// and the last one goes on.
func (l *loader) follow(ctx context.Context, p *printer, r runner, seen stamps) error {
	watching, cancel := context.WithCancel(ctx)
	var ended sync.WaitGroup
	defer ended.Wait()
	defer cancel()
	ended.Go(func() {
		defer cancel()
		select {
		case <-r.Done():
		case <-watching.Done():
		}
	})
	for seen.wait(watching) == nil {
		if err := l.reload(watching, p, r); err != nil && watching.Err() == nil {
			fmt.Fprintf(p.streams.Err, "wasmc: %s\n", oneLine(err.Error()))
		}
	}
	if ctx.Err() != nil {
		return nil // which is how it is ended
	}
	return r.Err()
}

// state is what becomes of the filter when a version is not taken.
func (l *loader) state() string {
	if l.runs {
		return "The last version goes on"
	}
	return "It still does not run"
}

func (l *loader) reload(ctx context.Context, p *printer, r runner) error {
	began := time.Now()
	wasm, config, err := l.load(ctx)
	if err != nil {
		return fmt.Errorf("load %s again: %w; %s", l.target, err, strings.ToLower(l.state()))
	}
	failure, err := r.Load(ctx, wasm, config)
	if err != nil {
		return err
	}
	if failure != "" {
		p.print("%s: %s\n", l.state(), oneLine(failure))
		return nil
	}
	l.runs = true
	p.print("Loaded %s again in %s\n", printable(l.target), time.Since(began).Round(time.Millisecond))
	return nil
}
