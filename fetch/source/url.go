package source

import (
	"net/url"
	"strings"
)

// queryHashDigits is how many hex digits of a query's hash a SourceID holds: enough
// to tell the queries of one AutoWasm apart.
const queryHashDigits = 16

// WithoutQuery is what may be shown of a URL: its query may be a signature and its
// user information a password. The fragment, which is not sent, goes too. It
// returns "" for what is not a URL.
func WithoutQuery(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return withoutQuery(u)
}

func withoutQuery(u *url.URL) string {
	bare := *u
	bare.User, bare.RawQuery, bare.ForceQuery, bare.Fragment, bare.RawFragment = nil, "", false, "", ""
	return bare.String()
}

// withQueryHashed tells URLs apart without showing their queries.
func withQueryHashed(address string) string {
	bare, query, found := strings.Cut(address, "?")
	if !found {
		return address
	}
	return bare + "?" + digest(query)[:queryHashDigits]
}
