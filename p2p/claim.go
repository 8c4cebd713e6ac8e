package p2p

import (
	"context"
	"fmt"
	"slices"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"
)

// claim is what one holder was asked for in one request, and what came to light below it. Its fields are guarded by
// walk.mu.
type claim struct {
	peer peer.ID
	have *have                // what the holder leaves out below what it is asked for
	todo []due                // in the order in which the holder sends; the next one is last
	own  int                  // how many of these are its own
	left int64                // estimated bytes of those
	sent map[cid.Cid]struct{} // nodes that came in this answer
	flow flow
	// trial says that the holder has brought nothing yet, beside others who have.
	trial bool

	leafSeen bool // the first leaf came; only the goroutine that reads the answer looks at it
}

// due is a link whose block a holder will send, unless it has not got it.
type due struct {
	link
	own bool // it is for this claim to bring; otherwise another does, and it is not waited for
}

// disown makes a link that is a claim's own no longer so.
func (c *claim) disown(d due) {
	c.own--
	c.left -= d.estimate()
}

func (w *walk) newClaim(p peer.ID, span []link) *claim {
	c := &claim{peer: p, have: w.have, sent: map[cid.Cid]struct{}{}, flow: newFlow(w.windows[p])}
	w.push(c, span, true)
	w.claims[c] = struct{}{}
	return c
}

// push makes links the next ones due, the first of them first of all.
func (w *walk) push(c *claim, ls []link, own bool) {
	for _, l := range slices.Backward(ls) {
		c.todo = append(c.todo, due{link: l, own: own})
		if own {
			w.reserved[l.cid] = struct{}{}
			c.own++
			c.left += l.estimate()
		}
	}
}

// pop takes the next one due out of the claim.
func (c *claim) pop() due {
	d := c.todo[len(c.todo)-1]
	c.todo = c.todo[:len(c.todo)-1]
	if d.own {
		c.disown(d)
	}
	return d
}

// want lists what to ask the holder for.
func (w *walk) want(c *claim) []cid.Cid {
	w.mu.Lock()
	defer w.mu.Unlock()
	want := make([]cid.Cid, 0, len(c.todo))
	for _, d := range slices.Backward(c.todo) {
		want = append(want, d.cid)
	}
	return want
}

// find passes over what is due before id: the holder has left it out. It returns false when id is not due, so that nobody
// asked for it.
func (w *walk) find(c *claim, id cid.Cid) (link, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := len(c.todo) - 1
	for i >= 0 && !c.todo[i].cid.Equals(id) {
		i--
	}
	if i < 0 {
		return link{}, false
	}
	w.giveBack(c, i+1, true)
	return c.todo[i].link, true
}

// accept takes the block that is next due, with its links if it is a node, and says whether it was still waited for. When
// it was, land must follow.
func (w *walk) accept(ctx context.Context, c *claim, below []link) (fresh bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	d := c.pop()
	if fresh, err = w.waited(ctx, d.link); err != nil {
		return false, err
	}
	if !leaf(d.cid) {
		if _, twice := c.sent[d.cid]; twice {
			return false, fmt.Errorf("%w: block %s twice", errLie, d.cid)
		}
		c.sent[d.cid] = struct{}{}
		if !fresh { // another claim brings what hangs below, but this holder will send it too
			return false, w.grow(c, below, false)
		}
	}
	if fresh {
		delete(w.reserved, d.cid)
		delete(w.lacks, d.cid)
		w.pass(c)
		w.landing[d.cid] = d.link
		w.opening++
	}
	return fresh, nil
}

// waited tells whether l lacks.
func (w *walk) waited(ctx context.Context, l link) (bool, error) {
	if _, ok := w.reserved[l.cid]; ok {
		return true, nil
	}
	if _, ok := w.landing[l.cid]; ok {
		return false, nil
	}
	if !leaf(l.cid) {
		_, ok := w.opened[l.cid]
		return !ok, nil
	}
	here, err := w.into.Has(ctx, l.cid)
	if err != nil {
		return false, fmt.Errorf("look for %s: %w", l.cid, err)
	}
	return !here, nil
}

// state is how a claim stands.
type state struct {
	grant int64 // bytes more to let come now
	whole bool  // after which all of it is let come
	left  int64 // estimated bytes that are still to come
}

// came notes that n bytes came.
func (w *walk) came(c *claim, n int) state {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n > 0 {
		c.flow.take(n)
		w.windows[c.peer] = c.flow.window
	}
	return state{grant: c.flow.grant(c.left), whole: c.flow.whole, left: c.left}
}

// unspent tells whether the holder could have sent more.
func (w *walk) unspent(c *claim) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return c.flow.credit > 0
}

// pick makes id the next one due, wherever it was, for a source without an order.
func (w *walk) pick(c *claim, id cid.Cid) (link, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.IndexFunc(c.todo, func(d due) bool { return d.cid.Equals(id) })
	if i < 0 {
		return link{}, false
	}
	d := c.todo[i]
	c.todo = append(slices.Delete(c.todo, i, i+1), d)
	return d.link, true
}

// land makes what hangs below an accepted block due next.
func (w *walk) land(c *claim, id cid.Cid, below []link) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.opening--
	if leaf(id) {
		return nil
	}
	if err := w.open(id, len(c.todo)+len(below)); err != nil {
		return err
	}
	defer w.wake() // there is something to steal
	if c.peer == nobody {
		w.putBack(below)
		return nil
	}
	return w.grow(c, below, true)
}

func (w *walk) grow(c *claim, below []link, own bool) error {
	if len(c.todo)+len(below) > maxPending {
		return fmt.Errorf("%w: too many blocks", ErrRefused)
	}
	w.push(c, below, own)
	return nil
}

// giveBack ends what is due from place i on. When the holder lacks it, it is not asked again for it.
func (w *walk) giveBack(c *claim, i int, lacks bool) {
	gave := false
	for _, d := range c.todo[i:] {
		if !d.own {
			continue
		}
		c.disown(d)
		if _, waited := w.reserved[d.cid]; !waited {
			continue // someone else brought it
		}
		delete(w.reserved, d.cid)
		w.pending = append(w.pending, d.link)
		gave = true
		if lacks && !c.have.has(d.cid) {
			if w.lacks[d.cid] == nil {
				w.lacks[d.cid] = map[peer.ID]struct{}{}
			}
			w.lacks[d.cid][c.peer] = struct{}{}
		}
	}
	c.todo = c.todo[:i]
	if gave {
		w.wake()
	}
}

// end gives back all that did not come.
func (w *walk) end(c *claim, lacks bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.giveBack(c, 0, lacks)
	delete(w.claims, c)
	w.wake()
}
