package attacktest

import (
	"context"
	"time"

	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/boxo/ipld/unixfs"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	mh "github.com/multiformats/go-multihash"
)

// shape is an item that no honest author makes.
type shape struct {
	title  string
	root   cid.Cid
	size   int64 // as its author says
	blocks map[cid.Cid][]byte
}

// node adds one with these links, which say that each has size bytes below it, and with this data.
func (s *shape) node(data []byte, size uint64, below ...cid.Cid) (cid.Cid, error) {
	n := merkledag.NodeWithData(data)
	if err := n.SetCidBuilder(cid.V1Builder{Codec: cid.DagProtobuf, MhType: mh.SHA2_256}); err != nil {
		return cid.Undef, err
	}
	for i, c := range below {
		if err := n.AddRawLink(string(rune('a'+i%26)), &ipld.Link{Size: size, Cid: c}); err != nil {
			return cid.Undef, err
		}
	}
	b, err := n.EncodeProtobuf(false)
	if err != nil {
		return cid.Undef, err
	}
	s.blocks[n.Cid()] = b
	return n.Cid(), nil
}

// leaf adds one.
func (s *shape) leaf(data []byte) cid.Cid {
	c := named(cid.Raw, mh.SHA2_256, data)
	s.blocks[c] = data
	return c
}

func named(codec, hash uint64, data []byte) cid.Cid {
	c, err := cid.V1Builder{Codec: codec, MhType: hash}.Sum(data)
	if err != nil {
		panic(err) // both hashes are known
	}
	return c
}

// nobodys is so many leaves that are nowhere.
func nobodys(n int) []cid.Cid {
	var cs []cid.Cid
	for range n {
		cs = append(cs, named(cid.Raw, mh.SHA2_256, random(8)))
	}
	return cs
}

const wideFanOut = 30_000 // just within what is taken

// shapes makes one of each kind, other ones each time.
func shapes() ([]*shape, error) {
	var all []*shape
	for _, kind := range []struct {
		title string
		size  int64
		build func(*shape) (cid.Cid, error)
	}{
		{"a chain", 1 << 20, func(s *shape) (c cid.Cid, err error) { return s.chain(120) }},
		{"a chain too long", 1 << 20, func(s *shape) (cid.Cid, error) { return s.chain(2000) }},
		{"one wide node", 1 << 30, func(s *shape) (cid.Cid, error) {
			return s.node(unixfs.FolderPBData(), 1<<18, nobodys(wideFanOut)...)
		}},
		{"wide nodes", 1 << 30, (*shape).wide},
		{"nodes within CIDs", 1 << 20, (*shape).inlined},
		{"sizes that lie", 1 << 20, (*shape).lying},
		{"a fold", 1 << 20, (*shape).fold},
	} {
		s := &shape{title: kind.title, size: kind.size, blocks: map[cid.Cid][]byte{}}
		var err error
		if s.root, err = kind.build(s); err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

func (s *shape) chain(n int) (c cid.Cid, err error) {
	c = s.leaf(random(100))
	for range n {
		if c, err = s.node(unixfs.FolderPBData(), 100, c); err != nil {
			return c, err
		}
	}
	return c, nil
}

// wide is 16 nodes of 30,000 links each.
func (s *shape) wide() (cid.Cid, error) {
	var nodes []cid.Cid
	for range 16 {
		c, err := s.node(unixfs.FolderPBData(), 1<<18, nobodys(wideFanOut)...)
		if err != nil {
			return c, err
		}
		nodes = append(nodes, c)
	}
	return s.node(unixfs.FolderPBData(), 1<<30, nodes...)
}

// inlined is a node of 10,000 links that are nodes themselves, with a link in each.
func (s *shape) inlined() (cid.Cid, error) {
	var below []cid.Cid
	for range 10_000 {
		c, err := s.node(nil, 100, named(cid.Raw, mh.SHA2_256, random(8)))
		if err != nil {
			return c, err
		}
		below = append(below, named(cid.DagProtobuf, mh.IDENTITY, s.blocks[c]))
		delete(s.blocks, c)
	}
	return s.node(unixfs.FolderPBData(), 100, below...)
}

// lying is a file of a few bytes that says it is of an exabyte, in every place where a size is said.
func (s *shape) lying() (cid.Cid, error) {
	f := unixfs.NewFSNode(unixfs.TFile)
	var below []cid.Cid
	for range 64 {
		below = append(below, s.leaf(random(1000)))
		f.AddBlockSize(1 << 54)
	}
	data, err := f.GetBytes()
	if err != nil {
		return cid.Undef, err
	}
	return s.node(data, 1<<54, below...)
}

// fold is 60 folders, each twice in the one above: there are 2^60 ways through them.
func (s *shape) fold() (c cid.Cid, err error) {
	c = s.leaf(random(100))
	for range 60 {
		if c, err = s.node(unixfs.FolderPBData(), 100, c, c); err != nil {
			return c, err
		}
	}
	return c, nil
}

// give answers requests with what there is of a shape, below each block that is wanted, whatever was let come.
func (s *shape) give(stream network.Stream, want []cid.Cid) {
	sent := map[cid.Cid]bool{}
	for pending := want; len(pending) > 0; {
		c := pending[0]
		pending = pending[1:]
		b, held := s.blocks[c]
		if sent[c] || !held {
			continue
		}
		sent[c] = true
		stream.SetWriteDeadline(time.Now().Add(5 * time.Second))
		if writeSection(stream, c, b) != nil {
			return
		}
		if c.Prefix().Codec == cid.Raw {
			continue
		}
		n, err := merkledag.DecodeProtobuf(b)
		if err != nil {
			return
		}
		var below []cid.Cid
		for _, l := range n.Links() {
			below = append(below, l.Cid)
		}
		pending = append(below, pending...)
	}
}

// Shapes offers, as n peers, in entries that are validly signed, items of absurd shapes, and gives them.
func Shapes(ctx context.Context, t Target, n int) error {
	all, err := shapes()
	if err != nil {
		return err
	}
	of := map[cid.Cid]*shape{}
	for _, s := range all {
		of[s.root] = s
	}
	return hands(ctx, n, func(ctx context.Context) error {
		offer := func(h host.Host) {
			holdAll(h)
			h.SetStreamHandler(carProtocol, func(s network.Stream) {
				defer s.Close()
				if q, err := readRequest(s); err == nil && of[q.Root] != nil {
					of[q.Root].give(s, q.Want)
				}
			})
			serveCatalogue(h, func() ([][]byte, error) { return offers(h.Peerstore().PrivKey(h.ID()), all) })
		}
		return appear(ctx, t, offer, func(h host.Host) error { return speakOfHeads(ctx, h, t) })
	})
}

// offers is an entry for one of the shapes, as the others would need a number of their own.
func offers(author crypto.PrivKey, all []*shape) ([][]byte, error) {
	s := all[int(random(1)[0])%len(all)]
	e, err := Offer(author, s.root, s.title, s.size)
	return [][]byte{e}, err
}
