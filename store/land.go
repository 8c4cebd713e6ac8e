package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	"golang.org/x/sync/errgroup"
)

// landing is what one PutMany has written and not yet made durable.
type landing struct {
	flush  *flusher
	data   map[string][]byte // blocks of this batch
	refs   map[string]ref
	marks  []mark   // of ranges that are right again
	waited []string // files of the wait folder that have found their place

	// last is the file written last, kept open.
	last     *os.File
	lastPath string
}

func newLanding(dir string) *landing {
	return &landing{flush: newFlusher(dir), data: make(map[string][]byte), refs: make(map[string]ref)}
}

func encodeLanded(n int64) []byte { return binary.AppendUvarint(nil, uint64(n)) }

// Put is PutMany with one block.
func (in *Incoming) Put(ctx context.Context, b blocks.Block) error {
	return in.PutMany(ctx, []blocks.Block{b})
}

// PutMany checks, places and flushes blocks of the item; they are durable when it returns nil. Blocks that are here
// already are skipped. It costs one flush and one index commit, so give it many blocks at a time.
//
// A block with a wrong hash (blocks.ErrWrongHash) is refused with its batch, and nothing changes. ErrHostile says that
// the item itself is not acceptable; ErrNoSpace that the disk is full. After these, and after an I/O error, the
// Incoming takes no more; close it and Receive again to go on from what is durable, or Abandon it.
func (in *Incoming) PutMany(ctx context.Context, bs []blocks.Block) error {
	if err := checkBlocks(ctx, bs); err != nil {
		return err
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.putMany(ctx, bs)
}

// checkBlocks hashes in parallel.
func checkBlocks(ctx context.Context, bs []blocks.Block) error {
	g, working := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for _, b := range bs {
		if working.Err() != nil {
			break
		}
		g.Go(func() error { return checkBlock(b) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

func (in *Incoming) putMany(ctx context.Context, bs []blocks.Block) error {
	switch {
	case in.closed:
		return ErrClosed
	case in.broken != nil:
		return in.broken
	case in.whole || in.overtaken():
		return nil
	}
	total := int64(0)
	for _, b := range bs {
		total += int64(len(b.RawData()))
	}
	if err := in.sp.disk.need(total); err != nil {
		return err
	}
	in.batch = newLanding(in.dir)
	err := in.landAll(ctx, bs)
	if err == nil {
		err = in.commit()
	}
	if err != nil {
		in.batch.close()
		in.broken = fmt.Errorf("receive %s: %w", in.root, err)
	}
	return in.broken
}

// overtaken tells that the item has become complete by another way, such as Add.
func (in *Incoming) overtaken() bool {
	if in.repair {
		return false
	}
	h, ok := in.sp.snapshot(in.root)
	return ok && h.whole
}

func (in *Incoming) landAll(ctx context.Context, bs []blocks.Block) error {
	for _, b := range bs {
		in.batch.data[string(b.Cid().Hash())] = b.RawData()
	}
	for _, b := range bs {
		mh := string(b.Cid().Hash())
		if places, ok := in.want[mh]; ok {
			delete(in.want, mh)
			if err := in.settleAll(ctx, places); err != nil {
				return err
			}
			continue
		}
		if _, ok := in.batch.refs[mh]; ok {
			continue
		}
		if _, ok, err := in.own(mh); ok || err != nil {
			if err != nil {
				return err
			}
			continue
		}
		if err := in.landAstray(b.Cid(), b.RawData()); err != nil {
			return err
		}
	}
	return nil
}

// landAstray keeps a block whose place is not known yet.
func (in *Incoming) landAstray(c cid.Cid, data []byte) error {
	in.stray += int64(len(data))
	if in.stray > in.limit+in.limit/8+straySlack {
		return fmt.Errorf("%w: too many blocks that are no part of it", ErrHostile)
	}
	if c.Type() != cid.Raw {
		in.astray[string(c.Hash())] = true
		return in.appendNode(c, data)
	}
	file := filepath.Join(in.waitDir(), canonical(c).String())
	if err := os.MkdirAll(in.waitDir(), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(file, data, 0o644); err != nil {
		return err
	}
	in.batch.flush.note(file)
	in.batch.flush.note(in.waitDir())
	in.batch.flush.note(in.sp.incoming())
	in.batch.refs[string(c.Hash())] = ref{kind: waiting, root: in.root.KeyString(), path: filepath.Base(file), size: int64(len(data))}
	return nil
}

// straySlack is what nodes and unplaced blocks may take however small the item.
const straySlack = 64 << 20

// own returns this item's own reference for a block, unless it is marked.
func (in *Incoming) own(mh string) (ref, bool, error) {
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
	if data, ok := in.batch.data[mh]; ok {
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

// stillThere tells, when resuming, that a leaf is in its place.
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
	r, ok, err := in.own(mh)
	if err != nil {
		return false, err
	}
	size := p.size
	if ok = ok && r.kind == inFile && !marked; ok && size < 0 {
		size = r.size
	}
	if !ok {
		if !in.reread {
			return false, nil
		}
		file := in.file(p.path)
		if size < 0 {
			st, err := os.Stat(file)
			if err != nil || st.Size() > maxBlock {
				return false, nil
			}
			size = st.Size()
		}
		if size > maxBlock {
			return false, nil // settle will say what is wrong with it
		}
		data, err := readRange(file, p.off, size)
		if err != nil || !matches(p.c, data) {
			return false, nil
		}
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
	if r, ok := in.batch.refs[mh]; ok && r.kind == inDag {
		return nil
	}
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

// commit makes a batch durable: one flush, one index commit.
func (in *Incoming) commit() error {
	b := in.batch
	b.close()
	if err := b.flush.flush(); err != nil {
		return err
	}
	key := in.root.KeyString()
	if len(b.refs)+len(b.marks) > 0 || in.reread && !in.repair {
		err := in.sp.edit(func(e *edit) error {
			for mh, r := range b.refs {
				if err := e.add(mh, r); err != nil {
					return err
				}
			}
			if !in.repair {
				e.set(in.sp.key('u', key), encodeLanded(in.have))
			}
			return nil
		})
		if err != nil {
			return err
		}
		if err := in.sp.unmark(in.root, b.marks); err != nil {
			return err
		}
	}
	in.sp.mu.Lock()
	if h := in.sp.held[key]; h != nil && !h.whole {
		h.size = in.have
	}
	in.sp.mu.Unlock()
	for _, w := range b.waited {
		if err := os.Remove(filepath.Join(in.waitDir(), w)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	in.batch = newLanding(in.dir)
	return nil
}
