package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"savoirs/node"
)

const homeItems = 6 // five datasets and an adapter

func homeRow() row {
	return row{
		name: "home", what: "five datasets and an adapter go by stick to a node that passes them on by another, whence they come back to the first one, which had lost them",
		metrics: []string{"same items", "receipts", "s"}, limit: 2 * time.Minute, runs: 1,
		contenders: func(b *bench) []contender { return []contender{{ourName, travelHome}} },
		demands:    []demand{{metric: "same items", least: homeItems}, {metric: "receipts", least: homeItems}},
	}
}

func travelHome(ctx context.Context, dir string) (_ sample, err error) {
	s, err := newShelf(ctx, filepath.Join(dir, "shelf"), homeItems-1, 1<<20)
	if err != nil {
		return nil, err
	}
	defer s.close()
	f, b, err := s.reader(ctx, filepath.Join(dir, "b"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	start := time.Now()
	there, back := filepath.Join(dir, "there"), filepath.Join(dir, "back")
	if err := errors.Join(os.Mkdir(there, 0o755), os.Mkdir(back, 0o755)); err != nil {
		return nil, err
	}
	if err := hand(ctx, s.node, b, there); err != nil {
		return nil, err
	}
	if whole, err := s.sameAt(ctx, b); err != nil || whole != homeItems {
		return nil, fmt.Errorf("%d items at the second node: %w", whole, errors.Join(err, errOther))
	}
	// The author's machine is replaced by another, with the same people.
	g, a, err := s.reader(ctx, filepath.Join(dir, "a"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	if err := hand(ctx, b, a, back); err != nil {
		return nil, err
	}
	whole, err := s.sameAt(ctx, a)
	if err != nil {
		return nil, err
	}
	if _, err := s.node.LoadStick(ctx, there, nil); err != nil {
		return nil, err
	}
	told, err := s.node.StickReceipts(ctx)
	if err != nil {
		return nil, err
	}
	named := map[string]bool{}
	for _, r := range told {
		if r.State == node.Delivered && r.Node.ID == b.ID().ID {
			named[r.Root] = true
		}
	}
	return sample{"same items": float64(whole), "receipts": float64(len(named)), "s": time.Since(start).Seconds()}, nil
}

// hand brings all that a node has published to another by a stick.
func hand(ctx context.Context, from, to *node.Node, drive string) error {
	if _, err := from.PackStick(ctx, drive, node.PackOptions{All: true}, nil); err != nil {
		return err
	}
	l, err := to.LoadStick(ctx, drive, nil)
	if err != nil {
		return err
	}
	return arrivedWhole(l, homeItems)
}
