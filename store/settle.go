package store

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/ipfs/go-cid"
)

// own returns this item's own reference for a block, unless it is marked. It may not be durable yet.
func (in *Incoming) own(mh string) (ref, bool, error) {
	for _, l := range []*landing{in.batch, in.going} {
		if l == nil {
			continue
		}
		if r, ok := l.refs[mh]; ok {
			return r, true, nil
		}
	}
	return in.durable(mh)
}

// durable is own for what is durable.
func (in *Incoming) durable(mh string) (ref, bool, error) {
	refs, err := in.sp.usable(mh)
	if err != nil {
		return ref{}, false, err
	}
	for _, r := range refs {
		if r.root == in.root.KeyString() {
			return r, true, nil
		}
	}
	return ref{}, false, nil
}

// landed returns the bytes of a block that is in this item already.
func (in *Incoming) landed(c cid.Cid) ([]byte, bool, error) {
	mh := string(c.Hash())
	if data, ok := in.data[mh]; ok {
		return data, true, nil
	}
	if in.repair && c.Type() != cid.Raw {
		data, err := in.sp.get(c)
		return data, err == nil, nil
	}
	r, ok, err := in.own(mh)
	if !ok || err != nil {
		return nil, false, err
	}
	data, err := in.sp.read(r)
	if err != nil || !matches(c, data) {
		in.sp.mark(c, r, err)
		return nil, false, nil
	}
	if r.kind == waiting {
		in.batch.waited = append(in.batch.waited, r.path)
		in.stray -= int64(len(data))
	}
	return data, true, nil
}

// settleAll puts blocks that are here in their places, and those below them; the others are wanted from now on.
func (in *Incoming) settleAll(ctx context.Context, todo []place) error {
	for len(todo) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		p := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if in.replay && p.c.Type() == cid.Raw {
			if done, err := in.stillThere(p); done || err != nil {
				if err != nil {
					return err
				}
				continue
			}
		}
		data, ok := inlined(p.c)
		if !ok {
			var err error
			if data, ok, err = in.landed(p.c); err != nil {
				return err
			}
		}
		if !ok {
			mh := string(p.c.Hash())
			in.want[mh] = append(in.want[mh], p)
			continue
		}
		children, err := in.settle(p, data)
		if err != nil {
			return err
		}
		for i := len(children) - 1; i >= 0; i-- {
			todo = append(todo, children[i])
		}
	}
	return nil
}

// stillThere tells, when resuming, that a leaf is in its place. Of one that the index does not know, the bytes may be
// there all the same: the index is new, or the process was killed before it could tell.
func (in *Incoming) stillThere(p place) (bool, error) {
	if p.path == "" {
		p.path = single
	}
	if _, ok := inlined(p.c); ok {
		return false, nil
	}
	mh, m := string(p.c.Hash()), mark{kind: inFile, path: p.path, off: p.off}
	h, _ := in.sp.snapshot(in.root)
	_, marked := h.marks[m]
	r, ok, err := in.durable(mh)
	if err != nil {
		return false, err
	}
	size := p.size
	if ok = ok && r.kind == inFile && !marked; ok && size < 0 {
		size = r.size
	}
	if !ok {
		file := in.file(p.path)
		if size < 0 {
			st, err := os.Stat(file)
			if err != nil || st.Size() > maxBlock {
				return false, nil
			}
			size = st.Size()
		}
		if size > maxBlock || !in.repair && !hasData(file, p.off, size) {
			return false, nil // when it is too large, settle will say what is wrong with it
		}
		data, err := readRange(file, p.off, size)
		if err != nil || !matches(p.c, data) {
			return false, nil
		}
		in.batch.flush.note(file)
		in.batch.flush.note(filepath.Dir(file))
		in.batch.refs[mh] = ref{kind: inFile, root: in.root.KeyString(), path: p.path, off: p.off, size: size}
		in.batch.marks = append(in.batch.marks, m)
	}
	in.have += size
	return true, in.spent.spend(p, opened{shape: leaf, size: size})
}

// settle writes a block where it belongs and returns the places of its children.
func (in *Incoming) settle(p place, data []byte) ([]place, error) {
	o, err := open(p, data)
	if err != nil {
		return nil, err
	}
	if err := in.spent.spend(p, o); err != nil {
		return nil, err
	}
	mh, key := string(p.c.Hash()), in.root.KeyString()
	switch o.shape {
	case folder:
		if err := in.makeFolder(o.path); err != nil {
			return nil, err
		}
	case fileTop:
		if err := in.makeFile(o.path, o.size); err != nil {
			return nil, err
		}
	case leaf:
		if err := in.writeLeaf(p, o, data); err != nil {
			return nil, err
		}
		if _, ok := inlined(p.c); !ok {
			in.batch.refs[mh] = ref{kind: inFile, root: key, path: o.path, off: o.off, size: o.size}
		}
		return nil, nil
	}
	if len(o.inline) > 0 {
		if err := in.writeInline(o); err != nil {
			return nil, err
		}
	}
	if _, ok := inlined(p.c); ok {
		return o.children, nil
	}
	return o.children, in.keepNode(p.c, data)
}

// keepNode appends a node to the .dag file unless it is there.
func (in *Incoming) keepNode(c cid.Cid, data []byte) error {
	mh := string(c.Hash())
	delete(in.astray, mh)
	r, ok, err := in.own(mh)
	if err != nil {
		return err
	}
	if ok && r.kind == inDag {
		if old, err := in.sp.read(r); err == nil && matches(c, old) {
			return nil
		}
	}
	return in.appendNode(c, data)
}

func (in *Incoming) appendNode(c cid.Cid, data []byte) error {
	h := carSection(c, len(data))
	if in.end > 2*in.limit+straySlack {
		return fmt.Errorf("%w: too many nodes for %d bytes", ErrHostile, in.limit)
	}
	if _, err := in.nodes.WriteAt(append(h, data...), in.end); err != nil {
		return err
	}
	in.batch.flush.note(in.dag)
	in.batch.refs[string(c.Hash())] = ref{kind: inDag, root: in.root.KeyString(), off: in.end + int64(len(h)), size: int64(len(data))}
	if in.repair {
		in.batch.marks = append(in.batch.marks, mark{kind: inDag, path: string(c.Hash())})
	}
	in.end += int64(len(h) + len(data))
	return nil
}
