// SPDX-License-Identifier: Apache-2.0

package behaviour

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	slsa "github.com/in-toto/attestation/go/predicates/provenance/v1"
	intoto "github.com/in-toto/attestation/go/v1"
	spdx "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdxlib"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/autowasm/autowasm/e2e/process"
)

// release runs the program behind make image and make release, and returns what it prints: the names of what it made.
func release(t *testing.T, args ...string) []string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", append([]string{"run", "./release"}, args...)...)
	command.Dir = cluster.Checkout
	out, err := process.Output(command)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(out)
}

// imageFlags make images for this machine's architecture alone: compiling for another one takes minutes.
func imageFlags(t *testing.T, out string, more ...string) []string {
	reference := cluster.Registry + "/release/wasmer:v0.0.1"
	return append([]string{"image", "-version", "v0.0.1", "-image", reference, "-platforms", "linux/" + runtime.GOARCH, "-out", out}, more...)
}

// TestImages: they are pushed to a registry from which their platform's image is pulled, its program runs, and all that is said
// of it is there; made again, they have the same digests.
func TestImages(t *testing.T) {
	t.Parallel()
	pushed := release(t, imageFlags(t, filepath.Join(t.TempDir(), "pushed"), "-push")...)
	if len(pushed) != 2 || !strings.HasPrefix(pushed[0], cluster.Registry+"/release/wasmer:v0.0.1@sha256:") || !strings.HasPrefix(pushed[1], cluster.Registry+"/release/wasmc:v0.0.1@sha256:") {
		t.Fatalf("pushed %q", pushed)
	}
	again := release(t, imageFlags(t, filepath.Join(t.TempDir(), "again"))...)
	if diff := cmp.Diff(digestsOf(pushed), digestsOf(again)); diff != "" {
		t.Errorf("the digests of a second build (-first +second):\n%s", diff)
	}
	for i, program := range []string{"wasmer", "wasmc"} {
		_, digest, _ := strings.Cut(pushed[i], "@")
		ref, err := name.ParseReference(cluster.Registry + "/release/" + program + "@" + digest)
		if err != nil {
			t.Fatal(err)
		}
		requireProgram(t, ref, program)
		requireAttestations(t, ref)
	}
}

func digestsOf(lines []string) (digests []string) {
	for _, line := range lines {
		digests = append(digests, line[strings.LastIndex(line, "@")+1:])
	}
	return digests
}

// requireProgram runs the program of an image.
func requireProgram(t *testing.T, ref name.Reference, program string) {
	t.Helper()
	img, err := remote.Image(ref, remote.WithPlatform(v1.Platform{OS: "linux", Architecture: runtime.GOARCH}))
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if config.Config.User != "65532:65532" || !slices.Equal(config.Config.Entrypoint, []string{"/" + program}) {
		t.Errorf("%s runs %q as %q", program, config.Config.Entrypoint, config.Config.User)
	}
	content := fileOf(t, img, program)
	if bytes.Contains(content, []byte(cluster.Checkout)) {
		t.Errorf("%s holds the path of the checkout", program)
	}
	executable := filepath.Join(t.TempDir(), program)
	if err := os.WriteFile(executable, content, 0o755); err != nil {
		t.Fatal(err)
	}
	version := map[string]string{"wasmer": "--version", "wasmc": "version"}[program]
	command := exec.CommandContext(t.Context(), executable, version)
	if out, err := command.CombinedOutput(); err != nil || !strings.Contains(string(out), "v0.0.1") {
		t.Errorf("%s %s printed %q, %v", program, version, out, err)
	}
}

func fileOf(t *testing.T, img v1.Image, path string) []byte {
	t.Helper()
	unpacked := mutate.Extract(img)
	defer unpacked.Close()
	for files := tar.NewReader(unpacked); ; {
		header, err := files.Next()
		if err != nil {
			t.Fatalf("find %s in its image: %v", path, err)
		}
		if header.Name == path {
			content, err := io.ReadAll(files)
			if err != nil {
				t.Fatal(err)
			}
			return content
		}
	}
}

// requireAttestations reads what is said of an image with the libraries of those who define the formats.
func requireAttestations(t *testing.T, ref name.Reference) {
	t.Helper()
	index, err := remote.Index(ref)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if len(manifest.Manifests) != 2 || manifest.Manifests[1].Annotations["vnd.docker.reference.digest"] != manifest.Manifests[0].Digest.String() {
		t.Fatalf("the index has %+v", manifest.Manifests)
	}
	attestations, err := index.Image(manifest.Manifests[1].Digest)
	if err != nil {
		t.Fatal(err)
	}
	layers, err := attestations.Layers()
	if err != nil || len(layers) != 2 {
		t.Fatalf("%d attestations, %v", len(layers), err)
	}
	for i, check := range []func(*intoto.Statement) error{validSPDX, validProvenance} {
		reader, err := layers[i].Compressed()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(reader)
		if err != nil {
			t.Fatal(err)
		}
		if err := validStatement(content, manifest.Manifests[0].Digest.Hex, check); err != nil {
			t.Errorf("statement %d of %s: %v", i, ref, err)
		}
	}
}

func validStatement(content []byte, about string, check func(*intoto.Statement) error) error {
	statement := &intoto.Statement{}
	if err := protojson.Unmarshal(content, statement); err != nil {
		return err
	}
	if err := statement.Validate(); err != nil {
		return err
	}
	if got := statement.GetSubject()[0].GetDigest()["sha256"]; got != about {
		return fmt.Errorf("it is about %s, not %s", got, about)
	}
	return check(statement)
}

func validSPDX(statement *intoto.Statement) error {
	content, err := statement.GetPredicate().MarshalJSON()
	if err != nil {
		return err
	}
	document, err := spdx.Read(bytes.NewReader(content))
	if err != nil {
		return err
	}
	if err := spdxlib.ValidateDocument(document); err != nil {
		return err
	}
	described, err := spdxlib.GetDescribedPackageIDs(document)
	if err != nil || len(described) != 1 || len(document.Packages) < 20 {
		return fmt.Errorf("it describes %v with %d packages: %w", described, len(document.Packages), err)
	}
	return nil
}

func validProvenance(statement *intoto.Statement) error {
	content, err := statement.GetPredicate().MarshalJSON()
	if err != nil {
		return err
	}
	provenance := &slsa.Provenance{}
	if err := protojson.Unmarshal(content, provenance); err != nil {
		return err
	}
	return provenance.Validate()
}

// TestArchives: wasmc out of an archive is what SHA256SUMS says, and runs; beside it is a link by which kubectl finds it. They
// are published as it is documented.
func TestArchives(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "release")
	made := release(t, "archives", "-version", "v0.2.0", "-platforms", "linux/"+runtime.GOARCH, "-out", dir)
	archive := filepath.Join(dir, "wasmc_v0.2.0_linux_"+runtime.GOARCH+".tar.gz")
	if !slices.Contains(made, archive) || !slices.Contains(made, filepath.Join(dir, "SHA256SUMS")) {
		t.Fatalf("made %q", made)
	}
	bin := t.TempDir()
	run(t, dir, "sha256sum", "--check", "--strict", "SHA256SUMS")
	run(t, bin, "tar", "-xzf", archive)
	requirePlugin(t, bin, "v0.2.0")
	publish(t, dir)
}

func run(t *testing.T, dir, program string, args ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), program, args...)
	command.Dir = dir
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// requirePlugin has kubectl find wasmc in a directory, and run it under the name that it then shows to its users.
func requirePlugin(t *testing.T, bin, version string) {
	t.Helper()
	for _, call := range []struct{ args, want string }{
		{"plugin list", filepath.Join(bin, "kubectl-wasmc")},
		{"wasmc --help", "\n  kubectl wasmc [command]\n"},
		{"wasmc push --help", "\n  kubectl wasmc push registry.example/team/add-header:v1 -f add-header.wasm\n"},
		{"wasmc version", version},
	} {
		command := cluster.KubectlCommand(t.Context(), strings.Fields(call.args)...)
		command.Env = append(command.Env, "PATH="+bin)
		if out, err := command.CombinedOutput(); err != nil || !strings.Contains(string(out), call.want) {
			t.Errorf("kubectl %s: %v\n%s\nwithout %q", call.args, err, out, call.want)
		}
	}
}

// TestThePluginPushes: called by kubectl, wasmc does what it does.
func TestThePluginPushes(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	if err := os.Symlink(cluster.Binaries().Wasmc, filepath.Join(bin, "kubectl-wasmc")); err != nil {
		t.Fatal(err)
	}
	reference := cluster.Registry + "/plugin/add-header:v1"
	command := cluster.KubectlCommand(t.Context(), "wasmc", "push", reference, "-f", cluster.Binaries().Filter)
	command.Env = append(command.Env, "PATH="+bin)
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("kubectl wasmc push: %v\n%s", err, out)
	}
	ref, err := name.ParseReference(reference)
	if err != nil {
		t.Fatal(err)
	}
	if head, err := remote.Head(ref); err != nil || head.Size == 0 {
		t.Errorf("after the push: %+v, %v", head, err)
	}
}
