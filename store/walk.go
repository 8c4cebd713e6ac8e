package store

import (
	"context"
	"fmt"

	"github.com/ipfs/go-cid"
)

// budget counts what a stranger's DAG asks for.
type budget struct {
	most    int64 // content bytes
	bytes   int64
	entries int64
	parts   int64
}

// spend adds a block at its place and refuses it when the item becomes larger than was agreed.
func (b *budget) spend(p place, o opened) error {
	if p.role == entry {
		b.entries++
		b.bytes += o.size
	} else {
		b.parts++
	}
	switch {
	case b.bytes > b.most:
		return fmt.Errorf("%w: more than the %d bytes that were agreed", ErrHostile, b.most)
	case b.entries > maxEntries:
		return fmt.Errorf("%w: more than %d files and folders", ErrHostile, maxEntries)
	case b.parts > freeParts+b.entries+b.most/1024:
		return fmt.Errorf("%w: too many parts for %d bytes", ErrHostile, b.most)
	}
	return nil
}

// walk visits the DAG under root depth-first, parents first. get is asked for the nodes only; raw leaves are visited
// unread, with their promised size (-1 for a file that is one block). When get fails, missing decides whether to go on.
func walk(ctx context.Context, root cid.Cid, get func(cid.Cid) ([]byte, error),
	visit func(place, opened, []byte) error, missing func(place, error) error) error {
	stack := []place{{c: root, role: entry, size: -1}}
	for len(stack) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		p := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if p.c.Type() == cid.Raw {
			if p.path == "" {
				p.path = single
			}
			if err := visit(p, opened{shape: leaf, path: p.path, off: p.off, size: p.size}, nil); err != nil {
				return err
			}
			continue
		}
		data, err := get(p.c)
		if err != nil {
			if err := missing(p, err); err != nil {
				return err
			}
			continue
		}
		o, err := open(p, data)
		if err != nil {
			return err
		}
		if err := visit(p, o, data); err != nil {
			return err
		}
		for i := len(o.children) - 1; i >= 0; i-- {
			stack = append(stack, o.children[i])
		}
	}
	return nil
}
