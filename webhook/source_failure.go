package webhook

import (
	"fmt"
	"net/url"

	"github.com/google/go-containerregistry/pkg/name"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/text"
	"github.com/autowasm/autowasm/validation"
)

// maxDetail bounds what a message repeats of another party's words, in characters.
const maxDetail = 1024

// detail is what a denial repeats of another party's words.
func detail(words string) string { return text.TruncateRunes(text.OneLine(words), maxDetail) }

// sourceError is the denial for a terminal failure: at the field that would have to
// change.
func sourceError(reason v1alpha1.Reason, words string, spec *v1alpha1.AutoWasmSpec) *field.Error {
	path := sourcePath(reason, spec)
	return field.Invalid(path, sourceValue(path, spec), detail(words)+remedy(reason, spec))
}

func sourcePath(reason v1alpha1.Reason, spec *v1alpha1.AutoWasmSpec) *field.Path {
	path := field.NewPath("spec", "filter", "source")
	s := spec.Filter.Source
	switch {
	case s.Registry != nil && aboutSecret(reason):
		return field.NewPath("spec", "secret")
	case s.Registry != nil:
		return path.Child("registry", "image")
	case s.Object != nil && reason == v1alpha1.ReasonDigestMismatch:
		return path.Child("object", "sha256")
	case s.Object != nil:
		return path.Child("object", "url")
	case s.ConfigMap != nil:
		return path.Child("configMap")
	}
	return path
}

func aboutSecret(reason v1alpha1.Reason) bool {
	return reason == v1alpha1.ReasonUnauthorized || reason == v1alpha1.ReasonInvalidSecret
}

func sourceValue(path *field.Path, spec *v1alpha1.AutoWasmSpec) string {
	s := spec.Filter.Source
	switch {
	case path.String() == "spec.secret":
		return spec.Secret
	case s.Registry != nil:
		return s.Registry.Image
	case s.Object != nil && path.String() == "spec.filter.source.object.sha256":
		return s.Object.SHA256
	case s.Object != nil:
		return validation.RedactURL(s.Object.URL)
	case s.ConfigMap != nil:
		return s.ConfigMap.Name + "/" + s.ConfigMap.Key
	}
	return ""
}

// remedy is what those who found the failure cannot say: which field asked for it.
func remedy(reason v1alpha1.Reason, spec *v1alpha1.AutoWasmSpec) string {
	if reason == v1alpha1.ReasonDigestMismatch && spec.Filter.Source.Object != nil {
		return "; set sha256 to that of the file that you mean"
	}
	return ""
}

// transientWarning says what the object waits for.
func transientWarning(reason v1alpha1.Reason, spec *v1alpha1.AutoWasmSpec) string {
	const stays = "admitted, and Pending until"
	switch reason {
	case v1alpha1.ReasonSecretNotFound:
		return fmt.Sprintf("secret %s does not exist; %s it does", text.Elide(spec.Secret), stays)
	case v1alpha1.ReasonConfigMapNotFound:
		return fmt.Sprintf("%s lacks the module; %s it has it", origin(spec), stays)
	case v1alpha1.ReasonRateLimited:
		return fmt.Sprintf("%s asks for patience; %s it answers", origin(spec), stays)
	case v1alpha1.ReasonStoreFailed:
		return fmt.Sprintf("the module store cannot keep the module now; %s it can", stays)
	case v1alpha1.ReasonPending:
		return fmt.Sprintf("%s did not answer in time; %s the module is fetched", origin(spec), stays)
	}
	return fmt.Sprintf("%s is unavailable; %s it answers", origin(spec), stays)
}

// origin names who is waited for, short enough for a warning.
func origin(spec *v1alpha1.AutoWasmSpec) string {
	s := spec.Filter.Source
	switch {
	case s.Registry != nil:
		return "registry " + text.Elide(registryOf(s.Registry.Image))
	case s.Object != nil:
		return "host " + text.Elide(hostOf(s.Object.URL))
	case s.ConfigMap != nil:
		return "configmap " + text.Elide(s.ConfigMap.Name)
	}
	return "the source"
}

func registryOf(image string) string {
	reference, err := name.ParseReference(image)
	if err != nil {
		return image
	}
	return reference.Context().RegistryStr()
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return u.Host
}
