package source

import (
	"net/http"
	"strings"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
)

// check accepts only an answer that is the whole file as it is.
func (o *object) check(resp *http.Response) error {
	if resp.StatusCode != http.StatusOK {
		return o.refusal(resp)
	}
	if encoding := resp.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return failure.Terminalf(v1alpha1.ReasonInvalidSource, "get %s: the server sends it with a Content-Encoding although none was asked for: store the object without one", o.name())
	}
	if resp.ContentLength > o.max+archiveOverhead {
		return failure.Terminalf(v1alpha1.ReasonTooLarge, "get %s: the file has %d bytes, the module's limit is %d", o.name(), resp.ContentLength, o.max)
	}
	return nil
}

// refusal classifies a status other than 200.
func (o *object) refusal(resp *http.Response) error {
	if err := serverFailure(resp); err != nil {
		return failure.Wrapf(err, "get %s", o.name())
	}
	host, status := resp.Request.URL.Host, statusText(resp.StatusCode)
	switch {
	case isGone(resp.StatusCode):
		return failure.Terminalf(v1alpha1.ReasonNotFound, "get %s: %s does not have it (%s)", o.name(), host, status)
	case refusesAccess(resp.StatusCode):
		return failure.Terminalf(v1alpha1.ReasonUnauthorized, "get %s: %s refused access (%s): the object must exist and be readable by everybody, or the url be signed", o.name(), host, status)
	default:
		return failure.Transientf(v1alpha1.ReasonUnavailable, "get %s: %s answered %s", o.name(), host, status)
	}
}
