package node

import (
	"context"
	"errors"
	"fmt"

	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"

	"savoirs/store/stick"
)

// sealedFor finds the sealed files that are for this node, and puts those of one
// item from one sender together. Those that are damaged are passed over: for
// whom they are cannot be told any more.
func (u *unloading) sealedFor(ctx context.Context) (loads []*load, err error) {
	type sending struct {
		root   cid.Cid
		author peer.ID
	}
	of := map[sending]*load{}
	for _, x := range u.s.Manifest().Sealed {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		f, err := u.s.Unseal(x, u.n.sealKey, u.n.id)
		if errors.Is(err, stick.ErrNotForUs) {
			u.out.Others++
			continue
		}
		if err != nil {
			u.n.log.Warn("a sealed file cannot be opened", "err", err)
			continue
		}
		e := f.Enclosure
		if err := f.Close(); err != nil {
			return nil, err
		}
		l := of[sending{e.Root, e.Author}]
		if l == nil {
			l = &load{root: e.Root, author: e.Author, file: fileCid(x), Arrival: Arrival{
				Root: e.Root.String(), Title: label(e.Title, 300), Kind: e.Kind, Size: e.Size, Author: u.n.who(e.Author), Sealed: true,
			}}
			of[sending{e.Root, e.Author}] = l
			loads = append(loads, l)
		}
		l.sealed = append(l.sealed, x)
		l.size += e.Car
		u.total += e.Car
		if err := u.n.secrets.add(secretFile{File: fileCid(x), Root: e.Root, Title: l.Title}); err != nil {
			return nil, err
		}
	}
	return loads, nil
}

// unseal reads the sealed files of an item and hands their blocks to put, which
// hashes them. wrong counts the files that are not what they should be.
func (u *unloading) unseal(ctx context.Context, l *load, put func(context.Context, []blocks.Block) error) (wrong int, err error) {
	for _, x := range l.sealed {
		err := u.unsealOne(ctx, x, put)
		switch {
		case errors.Is(err, stick.ErrMalformed), errors.Is(err, stick.ErrDamaged), errors.Is(err, blocks.ErrWrongHash):
			u.n.log.Warn("a sealed file is damaged", "err", err)
			wrong++
		case err != nil:
			return wrong, err
		}
	}
	return wrong, nil
}

func (u *unloading) unsealOne(ctx context.Context, x stick.Sealed, put func(context.Context, []blocks.Block) error) error {
	f, err := u.s.Unseal(x, u.n.sealKey, u.n.id)
	if err != nil {
		return fmt.Errorf("read again: %w", err)
	}
	defer f.Close()
	return f.Walk(ctx, put)
}
