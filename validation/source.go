// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-containerregistry/pkg/name"
	utilvalidation "k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// The limits of sources, in characters.
const (
	maxImage = 1024
	maxURL   = 2048
)

// validateSource checks every source that is set, also when there are too many.
func validateSource(s v1alpha1.Source, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	set := 0
	if s.Registry != nil {
		set++
		errs = append(errs, validateRegistry(*s.Registry, path.Child("registry"))...)
	}
	if s.Object != nil {
		set++
		errs = append(errs, validateObject(*s.Object, path.Child("object"))...)
	}
	if s.ConfigMap != nil {
		set++
		errs = append(errs, validateConfigMap(*s.ConfigMap, path.Child("configMap"))...)
	}
	return append(errs, validateCount(set, path)...)
}

func validateCount(set int, path *field.Path) field.ErrorList {
	const remedy = "exactly one of registry, object and configMap must be set"
	switch set {
	case 0:
		return field.ErrorList{field.Required(path, remedy)}
	case 1:
		return nil
	}
	return field.ErrorList{field.Forbidden(path, remedy)}
}

func validateRegistry(r v1alpha1.RegistrySource, path *field.Path) field.ErrorList {
	errs := validateImage(r.Image, path.Child("image"))
	return append(errs, oneOf(r.PullPolicy, path.Child("pullPolicy"), v1alpha1.PullIfNotPresent, v1alpha1.PullAlways)...)
}

func validateImage(image string, path *field.Path) field.ErrorList {
	switch {
	case image == "":
		return field.ErrorList{field.Required(path, "name an image, such as registry.example/team/filter:v1")}
	case utf8.RuneCountInString(image) > maxImage:
		return field.ErrorList{field.TooLongCharacters(path, image, maxImage)}
	case carriesUser(image):
		return field.ErrorList{field.Invalid(path, RedactURL(image), "must not carry user information: put the credentials into a Secret, and its name into spec.secret")}
	case strings.ContainsFunc(image, unicode.IsSpace):
		return field.ErrorList{field.Invalid(path, image, "must not contain white space: remove it")}
	case strings.Contains(image, "://"):
		return field.ErrorList{field.Invalid(path, image, "must not begin with a scheme: remove everything up to and with '://'")}
	}
	if err := parseImage(image); err != nil {
		return field.ErrorList{field.Invalid(path, image, fmt.Sprintf("is not an image reference (%s): write one such as registry.example/team/filter:v1", quoted(err.Error())))}
	}
	return nil
}

// carriesUser reports whether image has credentials before its registry: otherwise only a digest follows an at sign. They
// are refused without being repeated, since denials are logged.
func carriesUser(image string) bool {
	at := strings.LastIndex(image, "@")
	return at >= 0 && (strings.Contains(image[at:], "/") || !strings.Contains(image[at:], ":"))
}

// parseImage also refuses what the library passes on to the registry.
func parseImage(image string) error {
	if strings.HasPrefix(image, "/") || strings.Contains(image, "//") {
		return errors.New("a part of its path is empty")
	}
	_, err := name.ParseReference(image)
	return err
}

func validateObject(o v1alpha1.ObjectSource, path *field.Path) field.ErrorList {
	errs := validateURL(o.URL, path.Child("url"))
	if o.SHA256 != "" && !v1alpha1.IsSHA256(o.SHA256) {
		errs = append(errs, field.Invalid(path.Child("sha256"), o.SHA256, "must be 64 lower-case hex digits, as sha256sum prints them"))
	}
	return errs
}

func validateURL(address string, path *field.Path) field.ErrorList {
	const remedy = "must be an absolute http or https URL, such as https://bucket.example/filter.wasm"
	if address == "" {
		return field.ErrorList{field.Required(path, remedy)}
	}
	if utf8.RuneCountInString(address) > maxURL {
		return field.ErrorList{field.TooLongCharacters(path, address, maxURL)}
	}
	u, err := url.Parse(address)
	switch {
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || !validPort(u.Port()):
		return field.ErrorList{field.Invalid(path, RedactURL(address), remedy)}
	case u.User != nil:
		return field.ErrorList{field.Invalid(path, RedactURL(address), "must not carry user information: credentials in a URL would be shown to everybody who may read the object")}
	}
	return nil
}

func validPort(port string) bool {
	if port == "" {
		return true
	}
	number, err := strconv.Atoi(port)
	return err == nil && number >= 1 && number <= maxPort
}

func validateConfigMap(c v1alpha1.ConfigMapSource, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if c.Name == "" {
		errs = append(errs, field.Required(path.Child("name"), "name a ConfigMap in the AutoWasm's namespace"))
	} else if len(utilvalidation.IsDNS1123Subdomain(c.Name)) > 0 {
		errs = append(errs, field.Invalid(path.Child("name"), c.Name, "must be the name of a ConfigMap in the AutoWasm's namespace"))
	}
	if c.Key == "" {
		errs = append(errs, field.Required(path.Child("key"), "name the key of binaryData that holds the module"))
	} else if len(utilvalidation.IsConfigMapKey(c.Key)) > 0 {
		errs = append(errs, field.Invalid(path.Child("key"), c.Key, "must be a key of binaryData: letters, digits, '-', '_' and '.', at most 253"))
	}
	return errs
}

// RedactURL returns what of a URL may be shown: user information is a password, and the query of a signed URL as good.
func RedactURL(address string) string {
	address, _, signed := strings.Cut(address, "?")
	if at := strings.LastIndex(address, "@"); at >= 0 {
		address = "…" + address[at:]
	}
	if signed {
		address += "?…"
	}
	return address
}
