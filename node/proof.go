package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"time"

	"github.com/ipfs/boxo/blockservice"
	"github.com/ipfs/boxo/blockstore"
	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/boxo/ipld/unixfs"
	uio "github.com/ipfs/boxo/ipld/unixfs/io"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	"github.com/ipfs/go-datastore"
	ipld "github.com/ipfs/go-ipld-format"
	"github.com/libp2p/go-libp2p/core/peer"

	"savoirs/p2p"
	"savoirs/store"
)

// A proof of what a document of a dataset says is the blocks that lead from the root to the bytes asked for, and no
// others. Whoever has the root follows them as the holder did; each is what its CID says, or the proof fails.

const proofCall = "passages"

// maxProof bounds the blocks of a proof: chunks of 1 MiB at both ends of a range, the nodes above, or a small document.
const (
	maxProof    = 3 << 20
	maxDocument = 1 << 20 // bytes of a document that is looked at whole
	maxDepth    = 32      // of a file's tree
)

var proofLimit = p2p.Limit{MaxRequest: 8 << 10, MaxAnswer: maxProof + 64<<10, Timeout: 3 * time.Second, PerPeer: 8}

type proofQuestion struct {
	Root  []byte `cbor:"root"`
	Doc   string `cbor:"doc"`
	Start int64  `cbor:"start"` // the bytes [Start, End); those beyond the end of the document are not there
	End   int64  `cbor:"end"`
}

type proofAnswer struct {
	Blocks [][]byte `cbor:"blocks"`
}

// serveProofs proves what published items say.
func (n *Node) serveProofs() {
	p2p.Handle(n.mesh, proofCall, proofLimit, func(ctx context.Context, from peer.ID, q proofQuestion) (proofAnswer, error) {
		if !n.askers.take(from) {
			return proofAnswer{}, &p2p.RemoteError{Code: p2p.CodeBusy}
		}
		root, err := cid.Cast(q.Root)
		if err != nil || !fs.ValidPath(q.Doc) || q.Start < 0 || q.End < q.Start {
			return proofAnswer{}, &p2p.RemoteError{Code: p2p.CodeMalformed}
		}
		r := &recorder{Blockstore: n.store.Blocks(store.Mesh), seen: map[cid.Cid]bool{}}
		if _, err = readRange(ctx, r, root, q); err != nil && !errors.Is(err, errNoDocument) {
			return proofAnswer{}, &p2p.RemoteError{Code: codeNoProof}
		}
		return proofAnswer{Blocks: r.blocks}, nil
	})
}

const codeNoProof = "no-proof" // the item is not here whole, or the proof would be too long

// prove has p prove bytes of a document and returns them. errNoDocument says that it is proved that the dataset has no
// such document; any other error that nothing is.
func (n *Node) prove(ctx context.Context, p peer.ID, root cid.Cid, q proofQuestion) ([]byte, error) {
	q.Root = root.Bytes()
	a, err := p2p.Call[proofQuestion, proofAnswer](ctx, n.mesh, p, proofCall, proofLimit, q)
	if err != nil {
		return nil, err
	}
	return a.follow(ctx, root, q)
}

// follow reads from the blocks of a proof; they are put under the CIDs that their bytes have.
func (a proofAnswer) follow(ctx context.Context, root cid.Cid, q proofQuestion) ([]byte, error) {
	bs := blockstore.NewBlockstore(datastore.NewMapDatastore())
	for _, data := range a.Blocks {
		for _, codec := range []uint64{cid.DagProtobuf, cid.Raw} {
			c, err := cid.Prefix{Version: 1, Codec: codec, MhType: root.Prefix().MhType, MhLength: -1}.Sum(data)
			if err != nil {
				return nil, fmt.Errorf("proof: %w", err)
			}
			b, err := blocks.NewBlockWithCid(data, c)
			if err == nil {
				err = bs.Put(ctx, b)
			}
			if err != nil {
				return nil, fmt.Errorf("proof: %w", err)
			}
		}
	}
	data, err := readRange(ctx, bs, root, q)
	if err != nil {
		return nil, fmt.Errorf("proof of %s: %w", q.Doc, err)
	}
	return data, nil
}

// errNoDocument says that a folder lacks the document, by all its nodes.
var errNoDocument = errors.New("no such document")

// readRange reads bytes of a document from the nodes below root.
func readRange(ctx context.Context, bs blockstore.Blockstore, root cid.Cid, q proofQuestion) ([]byte, error) {
	dag := merkledag.NewDAGService(blockservice.New(bs, nil))
	node, err := dag.Get(ctx, root)
	if err != nil {
		return nil, err
	}
	if isFolder(node) {
		for _, name := range strings.Split(q.Doc, "/") {
			dir, err := uio.NewDirectoryFromNode(dag, node)
			if err != nil { // ErrNotADir too: a document inside a file, such as a ZIM archive
				return nil, err
			}
			child, err := dir.Find(ctx, name)
			if errors.Is(err, fs.ErrNotExist) {
				return nil, errNoDocument
			}
			if err != nil {
				return nil, err
			}
			node = child
		}
	}
	r := rangeReader{dag: dag, start: q.Start, end: q.End}
	if err := r.read(ctx, node, 0, 0); err != nil {
		return nil, err
	}
	return r.buf.Bytes(), nil
}

func isFolder(node ipld.Node) bool {
	p, ok := node.(*merkledag.ProtoNode)
	if !ok {
		return false
	}
	f, err := unixfs.FSNodeFromBytes(p.Data())
	return err == nil && f.IsDir()
}

// rangeReader gathers the bytes [start, end) of a file.
type rangeReader struct {
	dag        ipld.DAGService
	start, end int64
	buf        bytes.Buffer
}

func (r *rangeReader) read(ctx context.Context, node ipld.Node, at int64, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("file is more than %d nodes deep", maxDepth)
	}
	p, ok := node.(*merkledag.ProtoNode)
	if !ok {
		return r.take(node.RawData(), at)
	}
	f, err := unixfs.FSNodeFromBytes(p.Data())
	if err != nil {
		return err
	}
	if f.IsDir() {
		return errNoDocument
	}
	if f.NumChildren() != len(p.Links()) {
		return errors.New("node with other sizes than links")
	}
	if err := r.take(f.Data(), at); err != nil {
		return err
	}
	at += int64(len(f.Data()))
	for i, l := range p.Links() {
		size := int64(f.BlockSize(i))
		if size < 0 {
			return errors.New("node with an impossible size")
		}
		if at < r.end && at+size > r.start {
			child, err := l.GetNode(ctx, r.dag)
			if err != nil {
				return err
			}
			if err := r.read(ctx, child, at, depth+1); err != nil {
				return err
			}
		}
		at += size
	}
	return nil
}

func (r *rangeReader) take(data []byte, at int64) error {
	from, to := max(r.start-at, 0), min(r.end-at, int64(len(data)))
	if from < to {
		r.buf.Write(data[from:to])
	}
	if r.buf.Len() > maxProof {
		return errors.New("more bytes than a proof may have")
	}
	return nil
}

// recorder notes each block that is read, once.
type recorder struct {
	blockstore.Blockstore

	mu     sync.Mutex // guards all below
	seen   map[cid.Cid]bool
	blocks [][]byte
	size   int
}

func (r *recorder) Get(ctx context.Context, c cid.Cid) (blocks.Block, error) {
	b, err := r.Blockstore.Get(ctx, c)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.seen[c] {
		r.seen[c] = true
		r.blocks = append(r.blocks, b.RawData())
		if r.size += len(b.RawData()); r.size > maxProof {
			return nil, errors.New("proof is too long")
		}
	}
	return b, nil
}
