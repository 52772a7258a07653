package render

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/protobuf/types/known/structpb"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// Plugin names what one EnvoyFilter has the proxies run. A proxy has statistics for
// each plugin that it runs, under the plugin's name, and no others that tell one
// plugin from another. So the name says exactly which one it is, and seeing it in a
// proxy's statistics means that the proxy has taken this very configuration.
type Plugin struct {
	// Owner is the name without the two hashes: autowasm.<namespace>.<name>.
	Owner string
	// VM tells virtual machines apart: 8 hex digits of the hash of the vm_id. Plugins
	// that share a virtual machine have it in common.
	VM string
	// Revision tells configurations apart: 8 hex digits of the hash of all that is
	// configured of the plugin, of the AutoWasm's generation, and of how often the load
	// was asked for. The generation makes another of one that is as a former one was, or
	// stands at another port: a proxy keeps the statistics of the former one for as long
	// as it drains its listener.
	Revision string
}

// hashDigits is the length of the hashes in a plugin's name.
const hashDigits = 8

// String is the name of the plugin as Envoy has it.
func (p Plugin) String() string { return p.Owner + "." + p.VM + "." + p.Revision }

// PluginOf reads back which plugin ef has the proxies run. It is the zero Plugin when
// ef does not say.
func PluginOf(ef metav1.Object) Plugin {
	parts := strings.Split(ef.GetAnnotations()[v1alpha1.AnnotationPlugin], ".")
	last := len(parts) - 1
	if last < 2 || len(parts[last]) != hashDigits || len(parts[last-1]) != hashDigits {
		return Plugin{}
	}
	return Plugin{Owner: strings.Join(parts[:last-1], "."), VM: parts[last-1], Revision: parts[last]}
}

// ReloadOf reads back how often the proxies have been asked to load the module of
// ef again, 0 when ef does not say.
func ReloadOf(ef metav1.Object) uint32 {
	count, err := strconv.ParseUint(ef.GetAnnotations()[v1alpha1.AnnotationReload], 10, 32)
	if err != nil {
		return 0
	}
	return uint32(count)
}

func reloadText(count uint32) string {
	if count == 0 {
		return ""
	}
	return strconv.FormatUint(uint64(count), 10)
}

// nameOf is the plugin of a filter's configuration, in which the name itself is not
// yet set.
func nameOf(aw *v1alpha1.AutoWasm, m Module, config *structpb.Struct) (Plugin, error) {
	canonical, err := encodeJSON(config.AsMap())
	if err != nil {
		return Plugin{}, fmt.Errorf("name the plugin: %w", err)
	}
	owner := ownerName(aw)
	return Plugin{
		Owner:    owner,
		VM:       shortHash(vmID(aw, m)),
		Revision: shortHash(fmt.Sprintf("%s\n%d\n%s\n%s", owner, aw.Generation, reloadText(m.Reload), canonical)),
	}, nil
}

// ownerName is the name of the HTTP filter, and the beginning of its plugin's.
func ownerName(aw *v1alpha1.AutoWasm) string { return "autowasm." + dotted(aw) }

func shortHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])[:hashDigits]
}
