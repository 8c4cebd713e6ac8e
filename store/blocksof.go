package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
)

// BlocksOf calls f for each block of an item, depth first, parents first, each once. Leaves are not read, and may be wrong
// on disk. size is in bytes. It ends with the first error of f. ErrNotFound; ErrDamaged when a node is wrong on disk.
func (s *Store) BlocksOf(ctx context.Context, root cid.Cid, f func(c cid.Cid, size int64) error) error {
	root = canonical(root)
	sp, _, err := s.find(root)
	if err != nil {
		return fmt.Errorf("blocks of %w", err)
	}
	seen := make(map[string]struct{})
	visit := func(p place, o opened, data []byte) error {
		mh := string(p.c.Hash())
		if _, ok := inlined(p.c); ok {
			return nil
		}
		if _, ok := seen[mh]; ok {
			return nil
		}
		seen[mh] = struct{}{}
		size := int64(len(data))
		if data == nil {
			if size = o.size; size < 0 {
				n, err := sp.size(p.c)
				if err != nil {
					return fmt.Errorf("%s: %w", o.path, ErrDamaged)
				}
				size = int64(n)
			}
		}
		return f(p.c, size)
	}
	missing := func(p place, _ error) error { return fmt.Errorf("node %s: %w", p.c, ErrDamaged) }
	if err := walk(ctx, root, sp.node, visit, missing); err != nil {
		return fmt.Errorf("blocks of %s: %w", root, err)
	}
	return nil
}

// DigestPrefix is how many bytes of its SHA-256 stand for a block in Digests.
const DigestPrefix = 8

// Digests returns the first 8 bytes of the SHA-256 of each block of the items of these spaces, finished and unfinished, one
// after the other, in order, each once; of at most so many blocks. Loose blocks, which may give way to others, and those
// known to be wrong on disk are not among them.
func (s *Store) Digests(most int, names ...Space) ([]byte, error) {
	var all []byte
	for _, name := range names {
		sp, found := s.space(name), 0
		head := []byte{multihash.SHA2_256, sha256.Size}
		err := sp.idx.each(sp.blockKey(string(head)), func(key, value []byte) error {
			mh := string(key[len(sp.blockKey("")):])
			digest := mh[len(head):]
			if len(digest) < DigestPrefix || found >= most {
				return nil
			}
			refs, err := decodeRefs(value)
			if err != nil {
				return nil
			}
			if !slices.ContainsFunc(sp.usableOf(mh, refs), func(r ref) bool { return r.kind != loose }) {
				return nil
			}
			found++
			all = append(all, digest[:DigestPrefix]...)
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("list blocks: %w", err)
		}
	}
	return inOrder(all, most), nil
}

// inOrder sorts the prefixes that b is made of, and leaves each there once, and at most so many.
func inOrder(b []byte, most int) []byte {
	at := make([][DigestPrefix]byte, 0, len(b)/DigestPrefix)
	for p := range slices.Chunk(b, DigestPrefix) {
		at = append(at, [DigestPrefix]byte(p))
	}
	slices.SortFunc(at, func(a, b [DigestPrefix]byte) int { return bytes.Compare(a[:], b[:]) })
	at = slices.Compact(at)
	at = at[:min(len(at), most)]
	b = b[:0]
	for _, p := range at {
		b = append(b, p[:]...)
	}
	return b
}

// Lacks lists blocks that are known to be missing and are not in the store elsewhere, at most so many, in the order of the
// files: those below a missing node are not known yet.
func (in *Incoming) Lacks(ctx context.Context, most int) ([]cid.Cid, error) {
	in.mu.Lock()
	wanted := in.wanted()
	in.mu.Unlock()
	var lacks []cid.Cid
	for _, p := range wanted {
		if len(lacks) == most {
			break
		}
		have, err := in.Has(ctx, p.c)
		if err != nil {
			return nil, fmt.Errorf("what %s lacks: %w", in.root, err)
		}
		if !have {
			lacks = append(lacks, p.c)
		}
	}
	return lacks, nil
}
