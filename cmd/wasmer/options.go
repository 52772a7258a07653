// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/pflag"

	"github.com/autowasm/autowasm/fetch"
	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/fetch/store"
	"github.com/autowasm/autowasm/internal/egress"
	"github.com/autowasm/autowasm/preflight"
	"github.com/autowasm/autowasm/proxies"
	"github.com/autowasm/autowasm/render"
	"github.com/autowasm/autowasm/webhook"
)

// options are wasmer's flags.
type options struct {
	kubeconfig    string
	namespace     string
	rootNamespace string
	service       string
	clusterDomain string
	render        render.Options

	store         store.Options
	evictInterval time.Duration
	fetch         fetch.Options

	moduleAddress  string
	metricsAddress string
	healthAddress  string
	webAddress     string

	webhook         bool
	webhookHost     string
	webhookPort     int
	webhookURL      string
	webhookConfig   string
	webhookClientCA string
	certMode        string
	certDir         string

	controller  bool
	leaderElect bool
	admission   webhook.Options
	sweepGrace  time.Duration
	untested    preflight.Untested

	proxyCheckInterval time.Duration
	istiodService      string
	istiodAddress      string
	istiodCAFile       string
	istiodTokenFile    string

	guard          egress.Options
	plainHTTPHosts []string
	caFile         string
	denyCIDRs      []string // guard.DenyCIDRs as they were given

	shutdownDelay time.Duration
	logLevel      string
	logFormat     string
}

// bind declares the flags with their defaults.
func (o *options) bind(flags *pflag.FlagSet) {
	o.bindIdentity(flags)
	o.bindStore(flags)
	o.bindServers(flags)
	o.bindAdmission(flags)
	o.bindSources(flags)
	o.bindProxies(flags)
}

func (o *options) bindIdentity(flags *pflag.FlagSet) {
	flags.StringVar(&o.kubeconfig, "kubeconfig", "", "kubeconfig of the API server; default $KUBECONFIG, the pod's service account, ~/.kube/config")
	flags.StringVar(&o.namespace, "namespace", cmp.Or(os.Getenv("POD_NAMESPACE"), "istio-system"), "namespace that wasmer runs in; default $POD_NAMESPACE")
	flags.StringVar(&o.rootNamespace, "istio-root-namespace", "istio-system", "the mesh's root namespace, whose EnvoyFilters apply to every namespace: an AutoWasm there needs the annotation wasm.tcm.io/allow-mesh-wide")
	flags.StringVar(&o.service, "service", "wasmer", "Service through which Envoy loads modules, on port 8081")
	flags.StringVar(&o.clusterDomain, "cluster-domain", "cluster.local", "DNS domain of the cluster")
	flags.StringVar(&o.render.Cluster, "cluster", "", "Envoy cluster to load modules from; default outbound|8081||<service>.<namespace>.svc.<cluster-domain>")
	flags.StringVar(&o.render.BaseURL, "base-url", "", "URL before /wasm/<sha256> in EnvoyFilters; default http://<service>.<namespace>.svc.<cluster-domain>:8081")
	flags.StringVar(&o.logLevel, "log-level", logInfo, "what is logged: error, info or debug, each with those before it")
	flags.StringVar(&o.logFormat, "log-format", logJSON, "how it is logged, a line for each message: json or text")
	flags.DurationVar(&o.shutdownDelay, "shutdown-delay", 10*time.Second, "how long to go on serving, not ready, after a termination signal; less than 6s can fail an admission, on a connection that the API server holds in reserve")
}

func (o *options) bindStore(flags *pflag.FlagSet) {
	flags.StringVar(&o.store.Dir, "store-dir", "/var/lib/wasmer", "directory of the module store")
	flags.Int64Var(&o.store.MaxModuleBytes, "max-module-bytes", module.MaxSize, "largest module to accept; Envoy loads at most 32 MiB from a server")
	flags.Int64Var(&o.store.MaxTotalBytes, "max-store-bytes", 0, "size above which unreferenced modules are evicted and new ones wait; one namespace gets half of it; 0 for no limit")
	flags.DurationVar(&o.store.Retention, "retention", 24*time.Hour, "how long a module is kept after the last AutoWasm stopped naming it")
	flags.DurationVar(&o.evictInterval, "evict-interval", fetch.DefaultEvictInterval, "how often modules that nothing references are evicted")
	flags.DurationVar(&o.fetch.FetchTimeout, "fetch-timeout", 5*time.Minute, "longest that one fetch in the background may take")
	flags.DurationVar(&o.fetch.ResolveTTL, "resolve-ttl", 10*time.Minute, "how long a tag with pullPolicy IfNotPresent stays resolved, and credentials stay verified")
	flags.IntVar(&o.fetch.MaxConcurrent, "concurrent-fetches", fetch.DefaultMaxConcurrent, "modules to fetch at the same time")
}

func (o *options) bindServers(flags *pflag.FlagSet) {
	flags.StringVar(&o.moduleAddress, "module-address", ":8081", "address of the module server")
	flags.StringVar(&o.metricsAddress, "metrics-address", ":8080", "address of /metrics; 0 for none")
	flags.StringVar(&o.healthAddress, "health-address", ":8082", "address of /healthz and /readyz")
	flags.StringVar(&o.webAddress, "web-address", "", "address of a read-only page of all AutoWasms, for everybody who reaches it: 127.0.0.1:8083 is for kubectl port-forward alone; default none")
	flags.BoolVar(&o.webhook, "webhook", true, "serve the admission webhooks")
	flags.StringVar(&o.webhookHost, "webhook-host", "", "address that the webhook server listens on; default all")
	flags.IntVar(&o.webhookPort, "webhook-port", 9443, "port of the webhook server")
	flags.StringVar(&o.webhookURL, "webhook-url", "", "register this base URL instead of the Service (for running outside of the cluster)")
	flags.StringVar(&o.webhookConfig, "webhook-config", "wasmer", "name of both webhook configurations, whose caBundle is kept current, or read with --cert-mode=files")
	flags.StringVar(&o.webhookClientCA, "webhook-client-ca", "", "PEM file of the authorities of the API server's client certificate: the webhook server then refuses every connection without one; default it serves every caller")
	flags.StringVar(&o.certMode, "cert-mode", certModeSelf, "self: a CA of wasmer's own; files: tls.crt and tls.key in --cert-dir")
	flags.StringVar(&o.certDir, "cert-dir", "/etc/wasmer/certs", "directory of the certificate with --cert-mode=files")
	flags.BoolVar(&o.controller, "controller", true, "run the controller")
	flags.BoolVar(&o.leaderElect, "leader-elect", true, "elect one replica whose controller writes")
}

func (o *options) bindAdmission(flags *pflag.FlagSet) {
	flags.StringVar((*string)(&o.admission.SourceCheck), "source-check", string(webhook.Enforce), "what a terminal failure of a source, such as image not found, does at admission: Enforce denies, Warn warns, Off does not check")
	flags.StringVar((*string)(&o.admission.ConfigSchema), "config-schema", string(webhook.Enforce), "what a configuration does at admission that the schema in its module refuses: Enforce denies, Warn warns, Off reads no schema")
	flags.StringVar((*string)(&o.admission.ModuleTrial), "module-trial", string(webhook.Enforce), "what a module does at admission that was tried, and that no proxy can run as it is configured, such as one that refuses its config: Enforce denies, Warn warns, Off tries none")
	flags.BoolVar(&o.admission.Stage, "stage", true, "create the EnvoyFilter during admission; false leaves it to the controller, once the object is persisted")
	flags.DurationVar(&o.admission.Budget, "budget", webhook.DefaultBudget, "longest that an admission waits for the source")
	flags.StringVar((*string)(&o.untested), "untested-proxies", string(preflight.WarnUntested), "what is done about a filter for proxies of versions that are not tested, which may die of it: Allow says nothing, Warn warns, Refuse refuses it")
	flags.DurationVar(&o.sweepGrace, "sweep-grace", 5*time.Second, "how long after it was first seen a staged EnvoyFilter without its AutoWasm is removed")
}

func (o *options) bindSources(flags *pflag.FlagSet) {
	flags.StringSliceVar(&o.plainHTTPHosts, "plain-http-hosts", nil, "registries (host[:port]) that speak plain HTTP")
	flags.StringSliceVar((*[]string)(&o.guard.InsecureHosts), "insecure-hosts", nil, "hosts (host[:port]) whose TLS certificate is not verified")
	flags.StringVar(&o.caFile, "ca-file", "", "PEM file of certificate authorities to trust beside the system's")
	flags.StringSliceVar((*[]string)(&o.guard.AllowHosts), "allow-hosts", nil, "hosts that sources may be on (host or *.suffix); default all")
	flags.StringSliceVar(&o.denyCIDRs, "deny-cidrs", nil, "addresses never to connect to, beside link-local and cloud metadata")
	flags.BoolVar(&o.guard.AllowLoopback, "allow-loopback", false, "let sources be on loopback addresses (for development)")
}

func (o *options) bindProxies(flags *pflag.FlagSet) {
	flags.DurationVar(&o.proxyCheckInterval, "proxy-check-interval", proxies.DefaultInterval, "how often the leader scrapes the selected proxies, at port 15090 of their Pods, for whether they run their modules; more often while they load; 0 for never")
	flags.StringVar(&o.istiodService, "istiod-service", "", "Service of istiod, in wasmer's own namespace, whose replicas are queried over TLS at port 15012 for why a proxy rejected its listeners; default those of every revision")
	flags.StringVar(&o.istiodAddress, "istiod-address", "", "host:port at which istiod is queried, instead of its Service's endpoints")
	flags.StringVar(&o.istiodCAFile, "istiod-ca-file", "", "PEM file of the mesh's root certificates, by which wasmer verifies istiod's; default the system's")
	flags.StringVar(&o.istiodTokenFile, "istiod-token-file", "", "file of a service account token for the audience istio-ca, by which istiod authenticates wasmer; default istiod is not queried")
}

const (
	certModeSelf  = "self"
	certModeFiles = "files"
)

// complete fills what depends on other flags and reports every invalid flag.
func (o *options) complete() (err error) {
	fqdn := fmt.Sprintf("%s.%s.svc.%s", o.service, o.namespace, o.clusterDomain)
	o.render.Cluster = cmp.Or(o.render.Cluster, "outbound|8081||"+fqdn)
	o.render.BaseURL = cmp.Or(o.render.BaseURL, "http://"+fqdn+":8081")
	o.guard.DenyCIDRs, err = parsePrefixes(o.denyCIDRs)
	return errors.Join(o.check(), err)
}

// maxBudget leaves the API server time to receive the response within the webhooks' timeout of 10 s.
const maxBudget = 8 * time.Second

func (o *options) check() error {
	var errs []error
	refuse := func(invalid bool, format string, args ...any) {
		if invalid {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	sourceChecks := []webhook.SourceCheck{webhook.Enforce, webhook.Warn, webhook.Off}
	refuse(!slices.Contains(sourceChecks, o.admission.SourceCheck), "--source-check=%s: must be Enforce, Warn or Off", o.admission.SourceCheck)
	refuse(!slices.Contains(sourceChecks, o.admission.ConfigSchema), "--config-schema=%s: must be Enforce, Warn or Off", o.admission.ConfigSchema)
	refuse(!slices.Contains(sourceChecks, o.admission.ModuleTrial), "--module-trial=%s: must be Enforce, Warn or Off", o.admission.ModuleTrial)
	untested := []preflight.Untested{preflight.AllowUntested, preflight.WarnUntested, preflight.RefuseUntested}
	refuse(!slices.Contains(untested, o.untested), "--untested-proxies=%s: must be Allow, Warn or Refuse", o.untested)
	refuse(o.certMode != certModeSelf && o.certMode != certModeFiles, "--cert-mode=%s: must be self or files", o.certMode)
	refuse(!slices.Contains([]string{logError, logInfo, logDebug}, o.logLevel), "--log-level=%s: must be error, info or debug", o.logLevel)
	refuse(!slices.Contains([]string{logJSON, logText}, o.logFormat), "--log-format=%s: must be json or text", o.logFormat)
	refuse(o.webAddress != "" && !isAddress(o.webAddress), "--web-address=%s: must be an address with a port, such as 127.0.0.1:8083", o.webAddress)
	refuse(!o.webhook && !o.controller, "--webhook=false and --controller=false leave nothing to run")
	refuse(o.admission.Budget <= 0 || o.admission.Budget > maxBudget, "--budget=%s: must be above 0 and at most %s, since the API server waits for 10 s", o.admission.Budget, maxBudget)
	refuse(o.store.MaxModuleBytes <= 0, "--max-module-bytes=%d: must be above 0", o.store.MaxModuleBytes)
	refuse(o.proxyCheckInterval < 0, "--proxy-check-interval=%s: must be 0 or above", o.proxyCheckInterval)
	refuse(o.fetch.MaxConcurrent <= 0, "--concurrent-fetches=%d: must be above 0", o.fetch.MaxConcurrent)
	return errors.Join(errs...)
}

// isAddress reports whether a server can listen on an address, as far as that shows.
func isAddress(address string) bool {
	_, port, err := net.SplitHostPort(address)
	number, portErr := strconv.ParseUint(port, 10, 16)
	return err == nil && portErr == nil && number > 0
}

func parsePrefixes(cidrs []string) ([]netip.Prefix, error) {
	var prefixes []netip.Prefix
	var errs []error
	for _, cidr := range cidrs {
		prefix, err := netip.ParsePrefix(cidr)
		if err != nil {
			errs = append(errs, fmt.Errorf("--deny-cidrs=%s: must be a range such as 10.0.0.0/8, a single address 10.0.0.1/32: %w", cidr, err))
			continue
		}
		prefixes = append(prefixes, prefix)
	}
	return prefixes, errors.Join(errs...)
}
