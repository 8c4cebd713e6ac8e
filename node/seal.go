package node

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"filippo.io/age"
	"github.com/ipfs/boxo/blockstore"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"

	"savoirs/store"
	"savoirs/store/stick"
)

// NoSealKeyError says that a node has not told this one the key that private
// things for it are sealed with.
type NoSealKeyError struct{ Who Who }

func (e *NoSealKeyError) Error() string {
	return fmt.Sprintf("no key is known to seal for %s", e.Who.ID)
}

// ErrNotPrivate says that an item is published: nothing of it needs sealing.
var ErrNotPrivate = errors.New("the item is published")

// sealing is private items of this node that go on the stick for named nodes only.
type sealing struct {
	readers []stick.Reader
	secrets []stick.Secret
}

// seals finds the private items that o names, and the keys of those they are
// for. Errors: ErrForWhom, *NoSealKeyError, ErrNotPrivate, ErrNotFound.
func (c *course) seals(ctx context.Context, o PackOptions) error {
	if len(o.Private) == 0 {
		return nil
	}
	if len(o.For) == 0 {
		return fmt.Errorf("private items: %w", ErrForWhom)
	}
	var private []Item
	var roots []cid.Cid
	for _, ref := range o.Private {
		it, root, err := c.n.findHere(ctx, ref)
		if err != nil {
			return err
		}
		if it.Scope != ScopePrivate {
			return fmt.Errorf("%q: %w", it.Title, ErrNotPrivate)
		}
		private = append(private, it)
		roots = append(roots, root)
	}
	latest := c.n.latest()
	for _, name := range o.For {
		id, err := c.n.nodeCalled(name)
		if err != nil {
			return err
		}
		key, err := age.ParseX25519Recipient(latest[id].Recipient)
		if err != nil {
			return &NoSealKeyError{Who: c.n.who(id)}
		}
		if !slices.ContainsFunc(c.sealing.readers, func(r stick.Reader) bool { return r.Node == id }) {
			c.sealing.readers = append(c.sealing.readers, stick.Reader{Node: id, Key: key})
		}
	}
	for i, it := range private {
		if err := c.sealOne(ctx, it, roots[i]); err != nil {
			return err
		}
	}
	return nil
}

func (c *course) sealOne(ctx context.Context, it Item, root cid.Cid) error {
	s := stick.Secret{Root: root, Title: label(it.Title, 300), Kind: it.Kind, Size: it.Size}
	err := c.n.store.BlocksOf(ctx, root, func(b cid.Cid, size int64) error {
		s.Blocks = append(s.Blocks, stick.Ref{Cid: b, Size: int(size)})
		return nil
	})
	if err != nil {
		return fmt.Errorf("%q: %w", it.Title, err)
	}
	planned := PlannedItem{Title: it.Title, Kind: it.Kind, Root: it.Root, Size: it.Size, Sealed: true, Bytes: stick.SealedSize(s), Blocks: len(s.Blocks)}
	for _, r := range c.sealing.readers {
		planned.For = append(planned.For, c.n.who(r.Node))
	}
	if c.Write+planned.Bytes > c.Room {
		planned.Why = WhyNoRoom
		c.Left = append(c.Left, planned)
		return nil
	}
	c.Write += planned.Bytes
	c.Items = append(c.Items, planned)
	c.sealing.secrets = append(c.sealing.secrets, s)
	return nil
}

// putSecrets seals the private items of the plan. What an earlier writing of
// this node had sealed of them for the same nodes is replaced.
func (c *course) putSecrets(ctx context.Context, w *stick.Writer) error {
	if len(c.sealing.secrets) == 0 {
		return nil
	}
	src, ok := c.n.store.Blocks(store.Private).(blockstore.Viewer)
	if !ok {
		return errors.New("the store lends no blocks") // it always does
	}
	var to []peer.ID
	for _, r := range c.sealing.readers {
		to = append(to, r.Node)
	}
	for _, s := range c.sealing.secrets {
		for _, x := range w.Manifest().Sealed {
			if f, ok := c.n.secrets.of(fileCid(x)); ok && f.Root.Equals(s.Root) && slices.Equal(f.To, to) {
				w.ForgetSealed(x.Name)
			}
		}
		files, err := w.Seal(ctx, src, c.sealing.readers, s)
		if err != nil {
			return err
		}
		for _, x := range files {
			if err := c.n.secrets.add(secretFile{File: fileCid(x), Root: s.Root, Title: s.Title, To: to}); err != nil {
				return err
			}
		}
	}
	return nil
}
