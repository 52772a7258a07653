// SPDX-License-Identifier: Apache-2.0

// Command registry is the CNCF distribution registry on a plain HTTP address, with its files in a directory
// and, when asked, a password file. It is what the tests and the demo push modules to and pull them from.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry"
	_ "github.com/distribution/distribution/v3/registry/auth/htpasswd"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/filesystem"
)

// drain is how long open requests may go on after SIGTERM.
const drain = 2 * time.Second

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "registry:", err)
		os.Exit(1)
	}
}

// run serves until the process is told to end: the registry handles SIGTERM itself and lets requests finish.
func run(args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	r, err := registry.NewRegistry(context.Background(), configure(o))
	if err != nil {
		return fmt.Errorf("configure the registry: %w", err)
	}
	if err := r.ListenAndServe(); err != nil {
		return fmt.Errorf("serve on %s: %w", o.addr, err)
	}
	return nil
}

// options are the flags: where to listen, where to keep the files, and who may use them (everybody when
// htpasswd is empty).
type options struct {
	addr, storage, htpasswd string
}

func parse(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("registry", flag.ContinueOnError)
	flags.StringVar(&o.addr, "addr", "127.0.0.1:5000", "address to listen on, plain HTTP")
	flags.StringVar(&o.storage, "storage", "", "directory for manifests and blobs (required)")
	flags.StringVar(&o.htpasswd, "htpasswd", "", "file of bcrypt passwords; without it, everybody may push and pull")
	if err := flags.Parse(args); err != nil {
		return options{}, err
	}
	if flags.NArg() > 0 {
		return options{}, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if o.storage == "" {
		return options{}, fmt.Errorf("--storage is required")
	}
	if err := checkPasswords(o.htpasswd); err != nil {
		return options{}, err
	}
	return o, nil
}

// checkPasswords refuses a missing file. The registry would make one up, with a password in its log.
func checkPasswords(path string) error {
	if path == "" {
		return nil
	}
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("read the password file: %w", err)
	}
	return nil
}

func configure(o options) *configuration.Configuration {
	c := &configuration.Configuration{
		Storage: configuration.Storage{
			"filesystem": configuration.Parameters{"rootdirectory": o.storage},
			"delete":     configuration.Parameters{"enabled": true},
		},
	}
	c.HTTP.Addr = o.addr
	c.HTTP.Secret = "one process, no peers" // shared between replicas only; unset, it is a warning in the log
	c.HTTP.DrainTimeout = drain
	c.Log.Level = "info"
	c.Log.AccessLog.Disabled = false
	c.Catalog.MaxEntries = 1000
	if o.htpasswd != "" {
		c.Auth = configuration.Auth{
			"htpasswd": configuration.Parameters{"realm": "autowasm", "path": o.htpasswd},
		}
	}
	return c
}
