//go:build linux

// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"fmt"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/autowasm/autowasm/e2e/image"
)

// proxyBase is the lowest layer of proxyv2.
func proxyBase(envoy string) ([]image.File, error) {
	tools, err := toolFiles()
	if err != nil {
		return nil, err
	}
	plugins, err := filepath.Glob("/usr/lib/" + image.Triplet + "/xtables/*.so")
	if err != nil || len(plugins) == 0 {
		return nil, fmt.Errorf("find the plugins of iptables: %d (%v)", len(plugins), err)
	}
	binaries := append([]string{envoy}, plugins...)
	for _, tool := range tools {
		binaries = append(binaries, tool.Source)
	}
	libraries, err := image.Libraries(binaries...)
	if err != nil {
		return nil, err
	}
	files := slices.Concat(proxyTree(), tools, libraries)
	for _, plugin := range plugins {
		files = append(files, image.Program(plugin, plugin))
	}
	return files, nil
}

// toolFiles are at the paths that Debian has them at.
func toolFiles() (files []image.File, err error) {
	for _, tool := range proxyTools {
		path, err := exec.LookPath(tool)
		if err != nil {
			return nil, fmt.Errorf("find %s for the image of proxies: %w", tool, err)
		}
		source, err := filepath.EvalSymlinks(path)
		if err != nil {
			return nil, err
		}
		dir := "/usr/bin/"
		if filepath.Base(filepath.Dir(source)) == "sbin" {
			dir = "/usr/sbin/"
		}
		files = append(files, image.Program(dir+tool, source))
	}
	return files, nil
}

// proxyTree are the directories, links and small files.
func proxyTree() []image.File {
	files := []image.File{
		image.Dir("/usr", 0o755), image.Dir("/usr/bin", 0o755), image.Dir("/usr/sbin", 0o755), image.Dir("/usr/lib", 0o755),
		image.Dir("/usr/lib64", 0o755), image.Dir("/var", 0o755), image.Dir("/run", 0o755), image.Dir("/etc", 0o755),
		image.Dir("/tmp", fs.ModeSticky|0o777), image.Dir("/etc/istio", 0o755), image.Dir("/etc/istio/proxy", 0o777),
		image.Dir("/var/lib", 0o755), image.Dir("/var/lib/istio", 0o755), image.Dir("/var/lib/istio/envoy", 0o755),
		image.Dir("/var/lib/istio/data", 0o777), image.Link("/var/run", "../run"),
		image.Text("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nistio-proxy:x:1337:1337::/:/bin/sh\n"),
		image.Text("/etc/group", "root:x:0:\nistio-proxy:x:1337:\n"),
		image.Text("/etc/nsswitch.conf", "hosts: files dns\n"),
		image.Link("/usr/bin/sh", "dash"),
	}
	for _, dir := range []string{"bin", "sbin", "lib", "lib64"} {
		files = append(files, image.Link("/"+dir, "usr/"+dir))
	}
	for _, program := range []string{"iptables", "ip6tables"} {
		for _, suffix := range []string{"", "-save", "-restore"} {
			files = append(files,
				image.Link("/usr/sbin/"+program+suffix, "xtables-nft-multi"),
				image.Link("/usr/sbin/"+program+"-nft"+suffix, "xtables-nft-multi"),
				image.Link("/usr/sbin/"+program+"-legacy"+suffix, "xtables-legacy-multi"))
		}
	}
	return files
}
