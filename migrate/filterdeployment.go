// SPDX-License-Identifier: Apache-2.0

package migrate

import "github.com/autowasm/autowasm/api/v1alpha1"

// filterDeployment reads that of Solo's wasme.
func (m *migration) filterDeployment(s *subject) {
	d := &draft{findings: s.part()}
	s.drafts = []*draft{d}
	m.wasmeTarget(s, s.spec.child("deployment"))
	filter := s.spec.child("filter")
	m.wasmeContext(s, d, filter)
	d.wasmeImage(filter)
	d.filter.VMID = filter.text("id")
	d.anyConfig(filter, "config")
	path := filter.at("rootID")
	if d.filter.RootID = filter.text("rootID"); d.filter.RootID == "" {
		d.changed(path, "wasme took it from the image's configuration: set spec.filter.rootID, unless the module takes any, as those in Go and Rust mostly do")
	}
	s.changed("spec.filter", "wasme left the failure policy to Envoy, by which a module that crashes stays away: absent, an AutoWasm's is FailReload, which starts it again")
	s.changed("", "wasme's operator made an EnvoyFilter for each workload, and mounted its cache into the Pods: both go with the FilterDeployment and wasme's annotations")
}

func (m *migration) wasmeTarget(s *subject, deployment *fields) {
	istio := deployment.child("istio")
	path := istio.at("kind")
	if kind := istio.text("kind"); kind != "" {
		s.changed(path, "the proxies of all Pods with the labels are selected, and not those of a %s alone", kind)
	}
	path = istio.at("labels")
	labels := istio.strings("labels")
	if len(labels) > 0 {
		s.changed(path, "wasme looked for them at the workload, an AutoWasm selects Pods: check that the Pods have them")
	}
	istio.leaveOut("an AutoWasm needs no name of Istio's namespace", "istioNamespace")
	s.selectors = []map[string]string{labels}
}

func (m *migration) wasmeContext(s *subject, d *draft, filter *fields) {
	path := filter.at("patchContext")
	var all []v1alpha1.Context
	switch context := filter.text("patchContext"); context {
	case "", "inbound":
		all = []v1alpha1.Context{v1alpha1.Inbound}
	case "outbound":
		all = []v1alpha1.Context{v1alpha1.Outbound}
	case "gateway":
		all = []v1alpha1.Context{v1alpha1.Gateway}
	case "any":
		all = contexts
	default:
		d.refuse(path, "%q is not inbound, outbound, gateway or any: correct it", context)
		return
	}
	for _, context := range m.wanted(s, path, all) {
		d.in(context, 0)
	}
	s.sayContexts(d, path)
}

func (d *draft) wasmeImage(filter *fields) {
	path := filter.at("image")
	image := filter.text("image")
	if image == "" {
		d.refuse(path, "there is no image, and so no module: set it")
		return
	}
	d.filter.Source.Registry = &v1alpha1.RegistrySource{Image: image}
	options := filter.child("imagePullOptions")
	options.lose("pullSecret", "wasme's secret has a username and a password, an AutoWasm's is of the type kubernetes.io/dockerconfigjson: make one with kubectl create secret docker-registry, and name it in spec.secret")
	options.lose("insecureSkipVerify", "wasmer verifies certificates: give it the registry's authority")
	options.lose("plainHttp", "wasmer speaks HTTP only with registries that its flags name: name this one there")
}
