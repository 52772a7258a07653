//go:build linux

// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/autowasm/autowasm/e2e/image"
)

// images are the references of the images of what runs in the cluster's Pods, by digest but for Istio's, which its charts
// name by a hub and a tag.
type images struct{ pause, coreDNS, app, wasmer string }

// Istio's images in the registry.
const (
	istioTag = "dev"
	istioDir = "istio"
)

// imagesRegistry is the address of the registry of the cluster's own images, over plain HTTP.
func imagesRegistry() string { return fmt.Sprintf("%s:%d", controlAddress, imagesPort) }

// istioHub is what Istio's charts put before the name of an image.
func istioHub() string { return imagesRegistry() + "/" + istioDir }

// An imageJob is an image to be made and pushed.
type imageJob struct {
	repository string
	make       func() (v1.Image, error)
	reference  *string // gets the reference by digest; it may be nil
}

// pushImages makes the images and pushes what the registry does not have of them.
func (c *Cluster) pushImages(ctx context.Context) error {
	jobs := []imageJob{
		{"pause", program("/pause", c.binaries.pause, "65535:65535"), &c.images.pause},
		{"coredns", program("/coredns", c.binaries.coreDNS, ""), &c.images.coreDNS},
		{"app", program("/app", c.binaries.app, "65532:65532"), &c.images.app},
		{"wasmer", program("/wasmer", c.binaries.wasmer, "65532:65532"), &c.images.wasmer},
	}
	if !c.options.WithoutMesh {
		jobs = append(jobs,
			imageJob{istioDir + "/pilot", c.pilotImage, nil},
			imageJob{istioDir + "/proxyv2", c.proxyImage, nil},
			imageJob{istioDir + "/install-cni", c.cniImage, nil})
	}
	var pushes []func(context.Context) error
	for _, job := range jobs {
		pushes = append(pushes, func(ctx context.Context) error { return c.push(ctx, job) })
	}
	if err := together(ctx, pushes...); err != nil {
		return err
	}
	c.logf("the images are in the registry")
	return nil
}

func (c *Cluster) push(ctx context.Context, job imageJob) error {
	img, err := job.make()
	if err != nil {
		return fmt.Errorf("make the image %s: %w", job.repository, err)
	}
	tag, err := name.ParseReference(imagesRegistry()+"/"+job.repository+":"+istioTag, name.Insecure)
	if err != nil {
		return fmt.Errorf("name the image %s: %w", job.repository, err)
	}
	transport := &http.Transport{DialContext: c.control.DialContext}
	defer transport.CloseIdleConnections()
	if err := remote.Write(tag, img, remote.WithContext(ctx), remote.WithTransport(transport)); err != nil {
		return fmt.Errorf("push the image %s: %w", job.repository, err)
	}
	if job.reference == nil {
		return nil
	}
	digest, err := img.Digest()
	*job.reference = imagesRegistry() + "/" + job.repository + "@" + digest.String()
	return err
}

// program is an image of a static program.
func program(path, source, user string) func() (v1.Image, error) {
	return func() (v1.Image, error) {
		return image.New(image.Config{Entrypoint: []string{path}, User: user}, []image.File{image.Program(path, source)})
	}
}

func (c *Cluster) pilotImage() (v1.Image, error) {
	const path = "/usr/local/bin/pilot-discovery"
	return image.New(image.Config{Entrypoint: []string{path}, User: "1337:1337"},
		[]image.File{image.Dir("/tmp", fs.ModeSticky|0o777), image.Program(path, c.binaries.istiod)})
}

// cniImage is that of the program that installs Istio's CNI plugin on a node, and the plugin: one binary under two names.
func (c *Cluster) cniImage() (v1.Image, error) {
	const plugin = "/opt/cni/bin/istio-cni"
	path := []string{"PATH=/usr/local/bin"}
	return image.New(image.Config{Entrypoint: []string{"/usr/local/bin/install-cni"}, Env: path},
		[]image.File{image.Program(plugin, c.binaries.istioCNI), image.Link("/usr/local/bin/install-cni", plugin)})
}

// proxyTools are programs of this machine in the image of proxies: istio-init sets up the interception of traffic with
// iptables. A shell and two programs are for who wants to look around in a container.
var proxyTools = []string{"dash", "cat", "ls", "xtables-nft-multi", "xtables-legacy-multi", "nft"}

// proxyImage is Istio's proxyv2: pilot-agent and Envoy, with what they and iptables need of this machine's files. What
// changes least is in the lowest layer.
func (c *Cluster) proxyImage() (v1.Image, error) {
	base, err := proxyBase(c.binaries.envoy)
	if err != nil {
		return nil, err
	}
	bootstrap := image.Program("/var/lib/istio/envoy/envoy_bootstrap_tmpl.json",
		filepath.Join(c.binaries.istioModule, "tools/packaging/common/envoy_bootstrap.json"))
	bootstrap.Mode = 0o644
	return image.New(image.Config{
		Entrypoint: []string{"/usr/local/bin/pilot-agent"},
		Env:        []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
	},
		base,
		[]image.File{image.Program("/usr/local/bin/envoy", c.binaries.envoy)},
		[]image.File{image.Program("/usr/local/bin/pilot-agent", c.binaries.pilotAgent), bootstrap})
}
