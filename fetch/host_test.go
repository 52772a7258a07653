package fetch_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/source"
)

// A host that asks to be left alone is left alone under all its names.
func TestSpellingsOfAHost(t *testing.T) {
	object := func(url string) source.Request {
		return source.Request{Namespace: "ns", Source: v1alpha1.Source{Object: &v1alpha1.ObjectSource{URL: url}}}
	}
	hub := image("team/x:v1")
	tests := []struct {
		name       string
		one, other source.Request
		same       bool
	}{
		{"Docker Hub", hub, image("docker.io/team/y:v1"), true},
		{"Docker Hub's library", hub, image("x"), true},
		{"Docker Hub as clients name it", hub, image("index.docker.io/team/y:v1"), true},
		{"Docker Hub in capitals", hub, image("Docker.IO/team/y:v1"), true},
		{"this machine", hub, image("localhost/y:v1"), false},
		{"another registry", hub, image("ghcr.io/team/x:v1"), false},
		{"a registry in capitals", image("reg.example/x:v1"), image("Reg.Example/y:v1"), true},
		{"a registry's port", image("reg.example/x:v1"), image("reg.example:443/y:v1"), true},
		{"another port", image("reg.example/x:v1"), image("reg.example:5000/y:v1"), false},
		{"an object's host in capitals", object("https://b.example/x"), object("https://B.Example/y"), true},
		{"an object's port", object("https://b.example/x"), object("https://b.example:443/y"), true},
		{"an object's plain port", object("http://b.example/x"), object("http://b.example:80/y"), true},
		{"an object's other port", object("https://b.example/x"), object("https://b.example:80/y"), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				f.onResolve = limited(time.Minute)
				f.refused(tt.one, v1alpha1.ReasonRateLimited, false)
				f.onResolve = nil
				if tt.same {
					f.refused(tt.other, v1alpha1.ReasonRateLimited, false)
				} else {
					f.refused(tt.other, v1alpha1.ReasonNotFound, true)
				}
			})
		})
	}
}
