package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ipfs/boxo/blockstore"
	"github.com/ipfs/go-cid"
	ds "github.com/ipfs/go-datastore"
	dssync "github.com/ipfs/go-datastore/sync"
	"github.com/libp2p/go-libp2p/core/peer"

	"savoirs/p2p"
	"savoirs/p2p/attacktest"
)

// play is one part of the scene, in a host of its own: the honest node, or an
// attacker of the name of its attack. It ends with ctx, or is killed.
func play(ctx context.Context, part, address, root string, hands int) error {
	victim, err := peer.AddrInfoFromString(address)
	if err != nil {
		return err
	}
	c, err := cid.Decode(root)
	if err != nil {
		return err
	}
	if part == "honest" {
		return playHonest(ctx, *victim, c)
	}
	for _, a := range attacktest.All() {
		if a.Name == part {
			return a.Run(ctx, attacktest.Target{AddrInfo: *victim, Root: c}, hands)
		}
	}
	return fmt.Errorf("no attack is called %q", part)
}

// playHonest fetches the item again and again, into a store that is empty each
// time, and prints a line for each: nanoseconds, and what went wrong.
func playHonest(ctx context.Context, victim peer.AddrInfo, root cid.Cid) error {
	key, err := attacktest.NewKey()
	if err != nil {
		return err
	}
	m, err := p2p.Open(p2p.Options{Key: key, Listen: []string{"/ip4/0.0.0.0/tcp/0"}, Blocks: inMemory(), Static: []peer.AddrInfo{victim}})
	if err != nil {
		return err
	}
	defer m.Close()
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	if err := m.Connect(ctx, victim); err != nil {
		return err
	}
	next := time.NewTicker(honestEvery)
	defer next.Stop()
	for {
		select {
		case err := <-ended:
			return err
		case <-next.C:
		}
		fetching, cancel := context.WithTimeout(ctx, 20*time.Second)
		start := time.Now()
		err := m.Fetch(fetching, root, inMemory(), p2p.FetchOptions{From: []peer.ID{victim.ID}})
		cancel()
		said := ""
		if err != nil {
			said = " " + strings.ReplaceAll(err.Error(), "\n", "; ")
		}
		fmt.Printf("%d%s\n", time.Since(start).Nanoseconds(), said)
	}
}

func inMemory() blockstore.Blockstore {
	return blockstore.NewBlockstore(dssync.MutexWrap(ds.NewMapDatastore()))
}
