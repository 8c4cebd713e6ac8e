package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"path/filepath"
	"sync"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"

	"savoirs/store"
	"savoirs/store/catalog"
	"savoirs/store/stick"
)

// A want list says what a node has and lacks, so that a stick can be packed for
// it where nobody can ask it. This node's own is made anew whenever it touches
// a stick, and signed again when it says something else than before.

// maxWantsKept bounds the want lists kept, in bytes.
const maxWantsKept = 256 << 20

// wants are the want lists of nodes, and what nodes are called in them.
type wants struct {
	*letters

	mu    sync.Mutex // guards names
	names map[peer.ID]Who
}

func (n *Node) openWants() error {
	l, err := openLetters(filepath.Join(n.o.Dir, "letters", "want"), maxWantsKept, n.id, n.met)
	n.wants = wants{letters: l, names: map[peer.ID]Who{}}
	return err
}

// stateWant makes this node's want list durable and returns it sealed.
func (n *Node) stateWant(ctx context.Context) ([]byte, error) {
	w, err := n.wantNow(ctx)
	if err != nil {
		return nil, fmt.Errorf("make the want list: %w", err)
	}
	last, kept, err := n.wants.of(n.id)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the want list: %w", err)
	}
	if w.Count = kept.count; w.Count > 0 {
		again, err := stick.SealWant(n.key, w) // signatures of the same are the same
		if err != nil || bytes.Equal(again, last) {
			return again, err
		}
	}
	w.Count++
	sealed, err := stick.SealWant(n.key, w)
	if err == nil {
		_, err = n.wants.keep(n.id, w.Count, sealed)
	}
	return sealed, err
}

// wantNow is what there is to say of this node to who packs for it.
func (n *Node) wantNow(ctx context.Context) (stick.Want, error) {
	w := stick.Want{Name: label(n.o.Name, 80), Territory: label(n.o.Territory, 80)}
	if _, err := n.stateHolding(); err != nil {
		return w, err
	}
	for id, s := range n.holdings.Letters() {
		if id == n.id {
			w.Holding = s
		}
	}
	for _, h := range n.catalog.Heights() {
		if len(w.Heights) < stick.MaxHeights && h.Seq > 0 {
			w.Heights = append(w.Heights, stick.Height{Author: h.Author, Seq: h.Seq, Hash: h.Hash, Fork: h.Fork})
		}
	}
	var err error
	w.Have = stick.NewHave(func(yield func(cid.Cid) bool) {
		count := 0
		for c, e := range n.tellable(ctx) {
			if count++; e != nil || count > stick.MaxHave || ctx.Err() != nil || !yield(c) {
				err = errors.Join(e, ctx.Err())
				return
			}
		}
	})
	if err != nil {
		return w, err
	}
	return w, n.wanted(ctx, &w)
}

// tellable yields the blocks that this node may say it has: what is published,
// and what waits unless it came sealed.
func (n *Node) tellable(ctx context.Context) iter.Seq2[cid.Cid, error] {
	return func(yield func(cid.Cid, error) bool) {
		for c, err := range n.store.AllBlocks(store.Mesh) {
			if !yield(c, err) {
				return
			}
		}
		waiting, _ := n.store.Waiting()
		for _, it := range waiting {
			if it.Sealed {
				continue
			}
			enough := errors.New("enough")
			err := n.store.BlocksOf(ctx, it.Root, func(c cid.Cid, _ int64) error {
				if !yield(c, nil) {
					return enough
				}
				return nil
			})
			if errors.Is(err, enough) {
				return
			}
			if err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrDamaged) && !yield(cid.Undef, err) {
				return
			}
		}
	}
}

// wanted adds the items that a person here asked for, then what else is
// unfinished, and the blocks that lack of what has begun to come.
func (n *Node) wanted(ctx context.Context, w *stick.Want) error {
	asked, err := n.store.Unfinished()
	if err != nil {
		return err
	}
	_, waiting := n.store.Waiting()
	for _, u := range append(asked, waiting...) {
		if u.Kept || u.Sealed || u.Space == store.Private || len(w.Wanted) == stick.MaxWanted {
			continue
		}
		w.Wanted = append(w.Wanted, u.Root)
		if u.Have == 0 {
			continue
		}
		lacks, err := n.lacks(ctx, u, stick.MaxLacks-len(w.Lacks))
		if errors.Is(err, store.ErrBusy) {
			continue // it is coming in now
		}
		if err != nil {
			return err
		}
		w.Lacks = append(w.Lacks, lacks...)
	}
	return nil
}

// lacks lists blocks that an unfinished item lacks.
func (n *Node) lacks(ctx context.Context, u store.Item, most int) ([]cid.Cid, error) {
	in, err := n.store.Receive(ctx, u.Root, store.ReceiveOptions{Space: u.Space})
	if err != nil {
		return nil, err
	}
	lacks, err := in.Lacks(ctx, most)
	return lacks, errors.Join(err, in.Close())
}

// met are the nodes this one is or was connected to.
func (n *Node) met() map[peer.ID]bool {
	met := map[peer.ID]bool{}
	for _, r := range n.mesh.Remembered() {
		met[r.ID] = true
	}
	for _, p := range n.mesh.Peers() {
		met[p.ID] = true
	}
	return met
}

// wantOf reads what a node wants, as it last said. False when nothing is known.
func (n *Node) wantOf(id peer.ID) (stick.Want, bool, error) {
	b, _, err := n.wants.of(id)
	if errors.Is(err, fs.ErrNotExist) {
		return stick.Want{}, false, nil
	}
	if err != nil {
		return stick.Want{}, false, fmt.Errorf("want list of %s: %w", id, err)
	}
	w, err := stick.OpenWant(b)
	if err != nil || w.Author != id {
		n.log.Warn("want list is damaged and left out", "node", id, "err", err)
		return stick.Want{}, false, nil
	}
	return w, true, nil
}

// takeWant keeps a want list that came from elsewhere, if it is news.
func (n *Node) takeWant(b []byte) (fresh bool, err error) {
	w, err := stick.OpenWant(b)
	if err != nil {
		return false, err
	}
	if n.refused(w.Author) {
		return false, nil
	}
	if fresh, err = n.wants.keep(w.Author, w.Count, b); fresh {
		n.wants.call(w)
	}
	return fresh, err
}

func (w *wants) call(said stick.Want) Who {
	who := Who{ID: said.Author.String(), Name: label(said.Name, 80), Territory: label(said.Territory, 80)}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.names[said.Author] = who
	return who
}

// who says what is known of a node for people: what it told itself when it was
// met, else what its want list says.
func (n *Node) who(id peer.ID) Who {
	if id == n.id {
		return Who{ID: id.String(), Name: n.o.Name, Territory: n.o.Territory}
	}
	if p := n.profiles.of(id); p.Name != "" || p.Territory != "" {
		return Who{ID: id.String(), Name: p.Name, Territory: p.Territory}
	}
	n.wants.mu.Lock()
	who, ok := n.wants.names[id]
	n.wants.mu.Unlock()
	if ok {
		return who
	}
	if w, ok, err := n.wantOf(id); ok && err == nil {
		return n.wants.call(w)
	}
	return Who{ID: id.String()}
}

// latest are the holdings that count, by their authors.
func (n *Node) latest() map[peer.ID]catalog.Known {
	known := map[peer.ID]catalog.Known{}
	for k := range n.holdings.All() {
		known[k.Author] = k
	}
	return known
}
