// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLoginIsRememberedAsDockerDoes(t *testing.T) {
	at(t)
	host := newRegistry(t, private("robot", "secret"))
	write(t, "a.wasm", wasm)
	image := host + "/team/a:v1"

	if got := wasmc(t, "", "push", image, "-f", "a.wasm"); got.Code != exitFailed {
		t.Fatalf("an anonymous push went through: %+v", got)
	}
	expect(t, result{Out: "Login Succeeded\n"}, wasmc(t, "secret\n", "login", host, "-u", "robot", "--password-stdin"))
	config := filepath.Join(os.Getenv("DOCKER_CONFIG"), "config.json")
	if info, err := os.Stat(config); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("config.json: %v, %v", info, err)
	}
	succeed(t, "push", image, "-f", "a.wasm")
	succeed(t, "pull", image)

	if got := succeed(t, "logout", host); got != "Removed the login credentials for "+host+"\n" {
		t.Errorf("logout printed %q", got)
	}
	if got := read(t, config); strings.Contains(got, host) {
		t.Errorf("after logout config.json has %s", got)
	}
	if got := wasmc(t, "", "pull", image); got.Code != exitFailed {
		t.Errorf("after logout a pull went through: %+v", got)
	}
	succeed(t, "logout", host)
}

func TestLoginRefusesWrongCredentials(t *testing.T) {
	at(t)
	host := newRegistry(t, private("robot", "secret"))
	for _, args := range [][]string{{"-p", "wrong"}, {"-p", "wrong", "--plain-http"}} {
		got := wasmc(t, "", append([]string{"login", host, "-u", "robot"}, args...)...)
		want := result{Code: exitFailed, Err: fmt.Sprintf(
			"wasmc: log in to %[1]s: GET http://%[1]s/v2/: unexpected status code 401 Unauthorized\nhint: check the user name and the password\n", host)}
		expect(t, want, got)
	}
	if _, err := os.Stat(filepath.Join(os.Getenv("DOCKER_CONFIG"), "config.json")); !os.IsNotExist(err) {
		t.Errorf("something was remembered: %v", err)
	}
	got := wasmc(t, "\n", "login", host, "-u", "robot", "--password-stdin")
	expect(t, result{Code: exitFailed, Err: "wasmc: log in to " + host + ": read the password from standard input: it is empty\n"}, got)
}

// helper is a credential helper that keeps one secret in a file.
const helper = `#!/bin/sh
store="$HELPER_STORE"
case "$1" in
store) cat > "$store" ;;
get) cat > /dev/null; test -s "$store" && cat "$store" || { echo "credentials not found in native keychain"; exit 1; } ;;
erase) cat > /dev/null; rm -f "$store" ;;
list) echo '{}' ;;
esac
`

func TestLoginUsesACredentialHelper(t *testing.T) {
	dir := at(t)
	host := newRegistry(t, private("robot", "secret"))
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "docker-credential-test"), []byte(helper), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	t.Setenv("HELPER_STORE", filepath.Join(dir, "store"))
	config := dockerConfig(t, `{"credsStore": "test"}`)
	write(t, "a.wasm", wasm)

	expect(t, result{Out: "Login Succeeded\n"}, wasmc(t, "secret", "login", host, "-u", "robot", "--password-stdin"))
	if strings.Contains(read(t, config), base64.StdEncoding.EncodeToString([]byte("robot:secret"))) {
		t.Error("the password is in config.json too")
	}
	if got := read(t, "store"); !strings.Contains(got, "secret") {
		t.Errorf("the helper has %q", got)
	}
	succeed(t, "push", host+"/team/a:v1", "-f", "a.wasm")
	succeed(t, "logout", host)
	if _, err := os.Stat("store"); !os.IsNotExist(err) {
		t.Errorf("after logout the helper still has it: %v", err)
	}
}

func dockerConfig(t *testing.T, content string) string {
	t.Helper()
	dir := os.Getenv("DOCKER_CONFIG")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "config.json")
	write(t, path, []byte(content))
	return path
}

func auths(keysAndCredentials ...string) string {
	var entries []string
	for i := 0; i < len(keysAndCredentials); i += 2 {
		entries = append(entries, fmt.Sprintf(`%q: {"auth": %q}`, keysAndCredentials[i],
			base64.StdEncoding.EncodeToString([]byte(keysAndCredentials[i+1]))))
	}
	return `{"auths": {` + strings.Join(entries, ", ") + `}}`
}

// Podman's files count also where docker has a configuration, and may name a
// path.
func TestPodmansCredentials(t *testing.T) {
	at(t)
	host := newRegistry(t, private("robot", "secret"))
	write(t, "a.wasm", wasm)
	dockerConfig(t, auths("other.example", "x:y"))
	runtimeDir, configDir := t.TempDir(), os.Getenv("XDG_CONFIG_HOME")
	files := map[string]string{
		"REGISTRY_AUTH_FILE": filepath.Join(t.TempDir(), "auth.json"),
		"XDG_RUNTIME_DIR":    filepath.Join(runtimeDir, "containers", "auth.json"),
		"XDG_CONFIG_HOME":    filepath.Join(configDir, "containers", "auth.json"),
	}
	values := map[string]string{"REGISTRY_AUTH_FILE": files["REGISTRY_AUTH_FILE"], "XDG_RUNTIME_DIR": runtimeDir, "XDG_CONFIG_HOME": configDir}
	for variable, path := range files {
		for _, key := range []string{host, host + "/team", host + "/team/a"} {
			t.Run(variable+" "+strings.TrimPrefix(key, host), func(t *testing.T) {
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
				write(t, path, []byte(auths(host+"/elsewhere", "bad:bad", key, "robot:secret")))
				defer os.Remove(path)
				t.Setenv(variable, values[variable])
				succeed(t, "push", host+"/team/a:v1", "-f", "a.wasm")
			})
		}
	}
}

func TestFlagsGoBeforeFiles(t *testing.T) {
	at(t)
	host := newRegistry(t, private("robot", "secret"))
	write(t, "a.wasm", wasm)
	dockerConfig(t, auths(host, "robot:outdated"))
	if got := wasmc(t, "", "push", host+"/team/a:v1", "-f", "a.wasm"); got.Code != exitFailed {
		t.Errorf("with outdated credentials: %+v", got)
	}
	if got := wasmc(t, "secret\n", "push", host+"/team/a:v1", "-f", "a.wasm", "-u", "robot", "--password-stdin"); got.Code != exitOK {
		t.Errorf("with flags: %+v", got)
	}
}

func TestABrokenConfigurationIsNamed(t *testing.T) {
	at(t)
	host := newRegistry(t)
	path := dockerConfig(t, "{")
	got := wasmc(t, "", "pull", host+"/team/a:v1")
	if got.Code != exitFailed || !strings.Contains(got.Err, path) {
		t.Errorf("%+v", got)
	}
}
