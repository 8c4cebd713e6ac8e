package catalog

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/libp2p/go-libp2p/core/peer"
)

// Digest sums up what a catalogue knows of a set of authors: 128 bits of a SHA-256. Two catalogues
// have the same one where they hold the same chains and know of the same forks. The zero value is of
// nobody.
type Digest [16]byte

// Authors are sorted into a tree of 16 branches a level by the hex digits of the SHA-256 of their ids.
// Its shape follows from who is in it, so that equal catalogues have equal digests at every branch.
const (
	maxPrefix   = 8 // digits: no deeper than this
	leafAuthors = 8 // more than this are divided
)

// branch is a part of the authors: a leaf lists them, any other has branches below. It only grows.
type branch struct {
	digest  Digest
	stale   bool        // the digest is of an earlier state
	authors []peer.ID   // of a leaf, sorted
	below   *[16]branch // nil for a leaf
}

// digits are those of an author by which it is sorted.
func digits(id peer.ID) string {
	h := sha256.Sum256([]byte(id))
	return hex.EncodeToString(h[:maxPrefix/2])
}

func digit(b byte) int { return strings.IndexByte(hexDigits, b) }

const hexDigits = "0123456789abcdef"

// touch puts an author in its place below b, or finds it there, and marks the way to it stale. rest is
// what of its digits is not used up above b.
func (b *branch) touch(id peer.ID, rest string) {
	b.stale = true
	if b.below != nil {
		b.below[digit(rest[0])].touch(id, rest[1:])
		return
	}
	at, held := slices.BinarySearch(b.authors, id)
	if held {
		return
	}
	b.authors = slices.Insert(b.authors, at, id)
	if len(b.authors) <= leafAuthors || rest == "" {
		return
	}
	b.below = new([16]branch)
	for _, id := range b.authors {
		d := digits(id)[maxPrefix-len(rest):]
		b.below[digit(d[0])].touch(id, d[1:])
	}
	b.authors = nil
}

// sum brings the digests of b and below it up to date. state is what is held of an author.
func (b *branch) sum(state func(peer.ID) *author) Digest {
	if !b.stale {
		return b.digest
	}
	h := sha256.New()
	if b.below != nil {
		h.Write([]byte("branch"))
		for i := range b.below {
			d := b.below[i].sum(state)
			h.Write(d[:])
		}
	} else {
		h.Write([]byte("leaf"))
		for _, id := range b.authors {
			a := state(id)
			line := binary.AppendUvarint(nil, uint64(len(id)))
			line = append(line, id...)
			line = binary.BigEndian.AppendUint64(line, a.seq())
			line = binary.BigEndian.AppendUint64(line, a.fork.seq)
			h.Write(append(line, a.head[:]...))
		}
	}
	b.digest, b.stale = Digest(h.Sum(nil)[:len(b.digest)]), false
	return b.digest
}

// at returns the branch of the authors whose digits begin with prefix. Where the tree is not that deep
// it is a leaf made for the caller, stale.
func (b *branch) at(prefix string) *branch {
	for i := range len(prefix) {
		if b.below == nil {
			part := &branch{}
			for _, id := range b.authors {
				if strings.HasPrefix(digits(id), prefix) {
					part.authors = append(part.authors, id)
				}
			}
			part.stale = len(part.authors) > 0
			return part
		}
		b = &b.below[digit(prefix[i])]
	}
	return b
}

// split returns the digests of the 16 parts of b, which lies depth digits below the root.
func (b *branch) split(depth int, state func(peer.ID) *author) []Digest {
	parts := b.below
	if parts == nil {
		parts = new([16]branch)
		for _, id := range b.authors {
			part := &parts[digit(digits(id)[depth])]
			part.authors, part.stale = append(part.authors, id), true
		}
	}
	sums := make([]Digest, len(parts))
	for i := range parts {
		sums[i] = parts[i].sum(state)
	}
	return sums
}

// all appends the authors of b to ids.
func (b *branch) all(ids []peer.ID) []peer.ID {
	ids = append(ids, b.authors...)
	if b.below != nil {
		for i := range b.below {
			ids = b.below[i].all(ids)
		}
	}
	return ids
}
