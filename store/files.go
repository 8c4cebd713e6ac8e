package store

import (
	"context"
	"fmt"

	"github.com/ipfs/go-cid"
)

// File is a file of an item. Two of the same Root have the same bytes; the other way round it holds when they were cut
// in the same way.
type File struct {
	Path string
	Size int64 // bytes
	Root cid.Cid
}

// Files lists the files of an item in the order of its folders, without reading them. ErrNotFound; ErrDamaged when a node
// is wrong on disk.
func (s *Store) Files(ctx context.Context, root cid.Cid) ([]File, error) {
	root = canonical(root)
	sp, _, err := s.find(root)
	if err != nil {
		return nil, fmt.Errorf("files of %w", err)
	}
	var files []File
	visit := func(p place, o opened, _ []byte) error {
		if p.role != entry || o.shape != leaf && o.shape != fileTop {
			return nil
		}
		f := File{Path: o.path, Size: o.size, Root: p.c}
		if f.Size < 0 {
			n, err := sp.size(p.c)
			if err != nil {
				return fmt.Errorf("%s: %w", o.path, ErrDamaged)
			}
			f.Size = int64(n)
		}
		files = append(files, f)
		return nil
	}
	missing := func(p place, _ error) error { return fmt.Errorf("node %s: %w", p.c, ErrDamaged) }
	if err := walk(ctx, root, sp.node, visit, missing); err != nil {
		return nil, fmt.Errorf("files of %s: %w", root, err)
	}
	return files, nil
}
