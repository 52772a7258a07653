package store

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"

	"github.com/autowasm/autowasm/fetch/module"
)

// Verified is a reader that hashes what it reads for reasons of its own, such as
// a registry's digest: it ends in io.EOF only if the bytes have the sha256 that it
// names before, and in another error if not.
//
// Put does not hash such bytes a second time. The store still hashes the file
// before it is first served, as it does after a restart.
type Verified interface {
	io.Reader
	// SHA256 returns 64 lower-case hex digits, or "" when the reader cannot vouch.
	SHA256() string
}

// naming finds out what a module is to be called.
type naming struct {
	own    bool // the store hashes the bytes itself
	digest hash.Hash
	word   string // what the reader vouches for
}

func newNaming(r io.Reader) naming {
	if v, ok := r.(Verified); ok && module.IsSHA256(v.SHA256()) {
		return naming{word: v.SHA256()}
	}
	return naming{own: true, digest: sha256.New()}
}

// through is where the bytes are to be written on their way to w.
func (n naming) through(w io.Writer) io.Writer {
	if n.own {
		return io.MultiWriter(w, n.digest)
	}
	return w
}

// sha256 is the name, once everything was written.
func (n naming) sha256() string {
	if n.own {
		return hex.EncodeToString(n.digest.Sum(nil))
	}
	return n.word
}
