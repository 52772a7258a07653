package source

import (
	"net/http"
	"strconv"
	"time"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
)

// maxRetryAfter is the longest time to be left alone that a server is believed.
const maxRetryAfter = time.Hour

// serverFailure returns the failure of an answer that says "not now": 429 and all
// of 5xx. nil for any other.
func serverFailure(resp *http.Response) error {
	reason := v1alpha1.ReasonUnavailable
	if resp.StatusCode == http.StatusTooManyRequests {
		reason = v1alpha1.ReasonRateLimited
	} else if resp.StatusCode < 500 {
		return nil
	}
	err := failure.Transientf(reason, "%s answered %s", resp.Request.URL.Host, statusText(resp.StatusCode))
	err.RetryAfter = retryAfter(resp.Header.Get("Retry-After"), time.Now())
	return err
}

// retryAfter reads a Retry-After header, which holds seconds or a date; 0 when it
// holds neither, or nothing ahead of now.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseInt(value, 10, 32); err == nil {
		return clampPatience(time.Duration(seconds) * time.Second)
	}
	if at, err := http.ParseTime(value); err == nil {
		return clampPatience(at.Sub(now))
	}
	return 0
}

func clampPatience(d time.Duration) time.Duration { return max(0, min(d, maxRetryAfter)) }

func statusText(code int) string {
	if text := http.StatusText(code); text != "" {
		return strconv.Itoa(code) + " " + text
	}
	return strconv.Itoa(code)
}
