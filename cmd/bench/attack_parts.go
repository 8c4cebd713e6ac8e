package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ipfs/boxo/blockstore"
	"github.com/ipfs/go-cid"
	ds "github.com/ipfs/go-datastore"
	dssync "github.com/ipfs/go-datastore/sync"
	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/sync/errgroup"

	"savoirs/node/api"
	"savoirs/p2p"
	"savoirs/p2p/attacktest"
)

// play is one part of the scene, in a host of its own: an honest one, or an
// attacker of the name of its attack. It ends with ctx, or is killed.
func play(ctx context.Context, part, address, root, data string, hands int) error {
	c, err := cid.Decode(root)
	if err != nil {
		return err
	}
	if part == "owner" {
		return playOwner(ctx, data, root)
	}
	victim, err := peer.AddrInfoFromString(address)
	if err != nil {
		return err
	}
	if part == "fetcher" {
		return playFetcher(ctx, *victim, c)
	}
	for _, a := range slices.Concat(attacktest.All(), attacktest.Giving()) {
		if a.Name == part {
			return a.Run(ctx, attacktest.Target{AddrInfo: *victim, Root: c}, hands)
		}
	}
	return fmt.Errorf("no attack is called %q", part)
}

// fetchTime is how long a fetch may take before it has failed.
const fetchTime = 20 * time.Second

// playFetcher fetches the item again and again, into a store that is empty each
// time.
func playFetcher(ctx context.Context, victim peer.AddrInfo, root cid.Cid) error {
	key, err := attacktest.NewKey()
	if err != nil {
		return err
	}
	m, err := p2p.Open(p2p.Options{Key: key, Listen: []string{"/ip4/0.0.0.0/tcp/0"}, Blocks: inMemory(), Static: []peer.AddrInfo{victim}})
	if err != nil {
		return err
	}
	defer m.Close()
	running, ctx := errgroup.WithContext(ctx)
	running.Go(func() error { return m.Run(ctx) })
	if err := m.Connect(ctx, victim); err != nil {
		return err
	}
	running.Go(func() error {
		return again(ctx, func(ctx context.Context) error {
			return m.Fetch(ctx, root, inMemory(), p2p.FetchOptions{From: []peer.ID{victim.ID}})
		}, nil)
	})
	return running.Wait()
}

// playOwner has the node of a data directory fetch the item again and again,
// and whatever else it is offered meanwhile.
func playOwner(ctx context.Context, data, root string) error {
	addr, err := os.ReadFile(filepath.Join(data, "http.addr"))
	if err != nil {
		return err
	}
	n := api.NewClient(strings.TrimSpace(string(addr)))
	running, ctx := errgroup.WithContext(ctx)
	running.Go(func() error {
		pull := func(ctx context.Context) error { _, err := n.Pull(ctx, root, nil); return err }
		drop := func(ctx context.Context) error { _, err := n.Remove(ctx, root); return err }
		return again(ctx, pull, drop)
	})
	running.Go(func() error { return pullAll(ctx, n, root) })
	return running.Wait()
}

// offersAtOnce is how many of the strangers' items are fetched at once.
const offersAtOnce = 4

// pullAll fetches all that is offered but for one item, until ctx ends.
func pullAll(ctx context.Context, n *api.Client, but string) error {
	for ctx.Err() == nil {
		items, err := n.List(ctx)
		if err != nil {
			return err
		}
		var pulling errgroup.Group
		pulling.SetLimit(offersAtOnce)
		for _, it := range items {
			if it.Root == but || it.Here {
				continue
			}
			pulling.Go(func() error {
				ctx, cancel := context.WithTimeout(ctx, fetchTime)
				defer cancel()
				n.Pull(ctx, it.Root, nil) // that it fails is expected
				return nil
			})
		}
		pulling.Wait()
		if err := pause(ctx, honestEvery); err != nil {
			return nil
		}
	}
	return nil
}

// again fetches every now and then until ctx ends, and prints a line for each
// time: nanoseconds, and what went wrong. What drop does is not counted.
func again(ctx context.Context, fetch, drop func(context.Context) error) error {
	next := time.NewTicker(honestEvery)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-next.C:
		}
		fetching, cancel := context.WithTimeout(ctx, fetchTime)
		start := time.Now()
		err := fetch(fetching)
		took := time.Since(start)
		cancel()
		said := ""
		if err != nil {
			said = " " + strings.ReplaceAll(err.Error(), "\n", "; ")
		} else if drop != nil {
			if err := drop(ctx); err != nil {
				return err
			}
		}
		fmt.Printf("%d%s\n", took.Nanoseconds(), said)
	}
}

func inMemory() blockstore.Blockstore {
	return blockstore.NewBlockstore(dssync.MutexWrap(ds.NewMapDatastore()))
}
