package store

import (
	"context"
	"errors"
	"fmt"
	"iter"
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

// AllBlocks yields the blocks of the items of these spaces, finished and unfinished, as raw CIDv1: the codec is not
// recorded. Loose blocks, which may give way to others, and those known to be wrong on disk are not among them. A block of
// two spaces comes twice.
func (s *Store) AllBlocks(names ...Space) iter.Seq2[cid.Cid, error] {
	return func(yield func(cid.Cid, error) bool) {
		for _, name := range names {
			sp := s.space(name)
			err := sp.idx.each(sp.blockKey(""), func(key, value []byte) error {
				mh := string(key[len(sp.blockKey("")):])
				refs, err := decodeRefs(value)
				if err != nil || !slices.ContainsFunc(sp.usableOf(mh, refs), func(r ref) bool { return r.kind != loose }) {
					return nil
				}
				if !yield(cid.NewCidV1(cid.Raw, multihash.Multihash(mh)), nil) {
					return errStop
				}
				return nil
			})
			if errors.Is(err, errStop) {
				return
			}
			if err != nil {
				yield(cid.Undef, fmt.Errorf("list blocks: %w", err))
				return
			}
		}
	}
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
