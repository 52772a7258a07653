package module

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// How many functions the host registers for each ABI and date, counted in its
// source: a function that is lost or doubled in the tables shows here.
func TestHostTableIsComplete(t *testing.T) {
	got := map[string]int{}
	for name, f := range host {
		module, _, _ := strings.Cut(name, ".")
		for _, abi := range []string{"0.1.0", "0.2.0", "0.2.1"} {
			if len(f.abis) == 0 || slices.Contains(f.abis, abi) {
				got[module+" "+abi]++
			}
		}
		got[module+" since "+f.since]++
	}
	want := map[string]int{
		"env 0.1.0": 36 + 2 + 4, "env 0.2.0": 36 + 2 + 2, "env 0.2.1": 36 + 2 + 3,
		"env since 2020-08-04": 36 + 1 + 4 + 2, "env since 2020-12-22": 1, "env since 2022-06-15": 1,
	}
	for _, module := range wasi {
		want[module+" since 2020-10-15"] = 12
		want[module+" since 2021-11-18"] = 3
		want[module+" since 2024-12-19"] = 3
		want[module+" since 2026-04-06"] = 27
		for _, abi := range []string{"0.1.0", "0.2.0", "0.2.1"} {
			want[module+" "+abi] = 45
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestHostTableIsWellFormed(t *testing.T) {
	shape := regexp.MustCompile(`^\((i32|i64)?(,(i32|i64))*\)->(i32|\(\))$`)
	for name, f := range host {
		if !shape.MatchString(f.signature) {
			t.Errorf("%s has the signature %q", name, f.signature)
		}
	}
	for _, c := range callbacks {
		if !shape.MatchString(c.signature) {
			t.Errorf("callback %s has the signature %q", c.name, c.signature)
		}
	}
}

// Signatures that are easy to get wrong, written out once more.
func TestHostSignatures(t *testing.T) {
	want := map[string]string{
		"env.proxy_log":                               "(i32,i32,i32)->i32",
		"env.proxy_done":                              "()->i32",
		"env.proxy_grpc_call":                         "(i32,i32,i32,i32,i32,i32,i32,i32,i32,i32,i32,i32)->i32",
		"env.proxy_record_metric":                     "(i32,i64)->i32",
		"env.emscripten_notify_memory_growth":         "(i32)->()",
		"wasi_unstable.proc_exit":                     "(i32)->()",
		"wasi_snapshot_preview1.fd_seek":              "(i32,i64,i32,i32)->i32",
		"wasi_snapshot_preview1.path_open":            "(i32,i32,i32,i32,i32,i64,i64,i32,i32)->i32",
		"wasi_snapshot_preview1.clock_time_get":       "(i32,i64,i32)->i32",
		"wasi_snapshot_preview1.sched_yield":          "()->i32",
		"wasi_snapshot_preview1.fd_filestat_get":      "(i32,i32)->i32",
		"wasi_snapshot_preview1.fd_filestat_set_size": "(i32,i64)->i32",
	}
	for name, signature := range want {
		if got := host[name].signature; got != signature {
			t.Errorf("%s is %s, want %s", name, got, signature)
		}
	}
}
