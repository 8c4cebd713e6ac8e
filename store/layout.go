package store

import (
	"context"
	"fmt"

	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/boxo/ipld/unixfs"
	uio "github.com/ipfs/boxo/ipld/unixfs/io"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
	"github.com/multiformats/go-multihash"
)

// linksPerNode is the width of the balanced layout, the same as kubo's default with these chunkers.
const linksPerNode = 174

var nodePrefix = cid.NewPrefixV1(cid.DagProtobuf, multihash.SHA2_256)

// branch is the top of a finished part of the DAG.
type branch struct {
	c       cid.Cid
	content uint64 // bytes of content below
	total   uint64 // bytes of all blocks below, with itself
}

// join writes the nodes above the leaves and returns the root.
func (b *builder) join(ctx context.Context, dag string) (cid.Cid, error) {
	w, err := createDag(dag)
	if err != nil {
		return cid.Undef, err
	}
	defer w.f.Close()
	placeholder, err := nodePrefix.Sum(nil)
	if err != nil {
		return cid.Undef, err
	}
	if err := w.start(placeholder); err != nil {
		return cid.Undef, err
	}
	top, err := b.joinFolder(ctx, w, b.src.top)
	if err != nil {
		return cid.Undef, err
	}
	return top.c, w.finish(top.c)
}

func (b *builder) joinFolder(ctx context.Context, w *dagWriter, d sourceFolder) (branch, error) {
	dir, err := uio.NewDirectory(nodeSink{w: w}, uio.WithCidBuilder(nodePrefix))
	if err != nil {
		return branch{}, err
	}
	for _, sub := range d.folders {
		t, err := b.joinFolder(ctx, w, sub)
		if err != nil {
			return branch{}, err
		}
		if err := dir.AddChild(ctx, lastName(sub.path), linked{c: t.c, size: t.total}); err != nil {
			return branch{}, err
		}
	}
	for _, f := range d.files {
		t, err := joinFile(w, b.leaves[f.path])
		if err != nil {
			return branch{}, err
		}
		if err := dir.AddChild(ctx, lastName(f.path), linked{c: t.c, size: t.total}); err != nil {
			return branch{}, err
		}
	}
	n, err := dir.GetNode()
	if err != nil {
		return branch{}, err
	}
	if err := (nodeSink{w: w}).Add(ctx, n); err != nil {
		return branch{}, err
	}
	size, err := n.Size()
	return branch{c: n.Cid(), total: size}, err
}

// joinFile puts nodes of linksPerNode children above the leaves, level by level, until one is left: the balanced layout.
func joinFile(w *dagWriter, leaves []leafInfo) (branch, error) {
	level := make([]branch, len(leaves))
	for i, l := range leaves {
		level[i] = branch{c: l.c, content: uint64(l.size), total: uint64(l.size)}
	}
	for len(level) > 1 {
		var up []branch
		for start := 0; start < len(level); start += linksPerNode {
			t, err := joinParts(w, level[start:min(start+linksPerNode, len(level))])
			if err != nil {
				return branch{}, err
			}
			up = append(up, t)
		}
		level = up
	}
	return level[0], nil
}

func joinParts(w *dagWriter, parts []branch) (branch, error) {
	fsn := unixfs.NewFSNode(unixfs.TFile)
	n := new(merkledag.ProtoNode)
	if err := n.SetCidBuilder(nodePrefix); err != nil {
		return branch{}, err
	}
	var t branch
	for _, p := range parts {
		fsn.AddBlockSize(p.content)
		if err := n.AddRawLink("", &ipld.Link{Size: p.total, Cid: p.c}); err != nil {
			return branch{}, err
		}
		t.content += p.content
		t.total += p.total
	}
	data, err := fsn.GetBytes()
	if err != nil {
		return branch{}, err
	}
	n.SetData(data)
	raw := n.RawData()
	t.c, t.total = n.Cid(), t.total+uint64(len(raw))
	if w.has(t.c) {
		return t, nil
	}
	_, err = w.add(t.c, raw)
	return t, err
}

func lastName(p string) string {
	for i := len(p) - 1; i >= 0; i-- {
		if p[i] == '/' {
			return p[i+1:]
		}
	}
	return p
}

// linked stands for a block that is already written: all a folder needs to link it.
type linked struct {
	ipld.Node
	c    cid.Cid
	size uint64
}

func (l linked) Cid() cid.Cid          { return l.c }
func (l linked) Size() (uint64, error) { return l.size, nil }

// nodeSink writes the nodes a directory gives it; a directory being built asks for none back.
type nodeSink struct {
	ipld.DAGService
	w *dagWriter
}

func (s nodeSink) Add(_ context.Context, n ipld.Node) error {
	if _, ok := n.(linked); ok || s.w.has(n.Cid()) {
		return nil
	}
	_, err := s.w.add(n.Cid(), n.RawData())
	return err
}

func (s nodeSink) AddMany(ctx context.Context, ns []ipld.Node) error {
	for _, n := range ns {
		if err := s.Add(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

func (nodeSink) Get(_ context.Context, c cid.Cid) (ipld.Node, error) {
	return nil, fmt.Errorf("node %s asked back: %w", c, ipld.ErrNotFound{Cid: c})
}
