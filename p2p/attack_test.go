package p2p

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"savoirs/p2p/attacktest"
)

// stat is what the resource manager counts in all.
func stat(t testing.TB, m *Mesh) (s network.ScopeStat) {
	t.Helper()
	err := m.host.Network().ResourceManager().ViewSystem(func(scope network.ResourceScope) error {
		s = scope.Stat()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// askEcho is an honest call with an answer of 32 KiB.
func askEcho(ctx context.Context, from *Mesh, to peer.ID) error {
	a, err := Call[string, []byte](ctx, from, to, "echo", Limit{}, "hello")
	if err == nil && len(a) != 32<<10 {
		err = fmt.Errorf("an answer of %d bytes", len(a))
	}
	return err
}

// victim holds an item and answers calls; honest is connected to it.
func victim(t *testing.T) (v, honest *Mesh, root cid.Cid, size int64) {
	t.Helper()
	v, _, root, size = holder(t, 512<<10)
	Handle(v, "echo", Limit{}, func(context.Context, peer.ID, string) ([]byte, error) { return make([]byte, 32<<10), nil })
	run(t, v)
	honest = open(t, Options{})
	connect(t, honest, v)
	return v, honest, root, size
}

func TestHonestPeersAreServedDuringEachAttackAndNothingStaysOfIt(t *testing.T) {
	v, honest, root, size := victim(t)
	v.bitswap.wake() // once awake it stays so
	before, routines := stat(t, v), runtime.NumGoroutine()
	for _, attack := range attacktest.All() {
		t.Run(attack.Name, func(t *testing.T) {
			ctx, stop := context.WithTimeout(t.Context(), 400*time.Millisecond)
			defer stop()
			ended := make(chan error, 1)
			go func() { ended <- attack.Run(ctx, attacktest.Target{AddrInfo: info(v), Root: root}, 4) }()
			var peak network.ScopeStat
			for n := 0; ctx.Err() == nil || n == 0; n++ {
				into := newMemory()
				if err := honest.Fetch(t.Context(), root, into, FetchOptions{From: []peer.ID{v.ID()}}); err != nil || into.kept.Load() != size {
					t.Fatalf("fetch %d: %v", n, err)
				}
				if err := askEcho(t.Context(), honest, v.ID()); err != nil {
					t.Fatalf("call %d: %v", n, err)
				}
				now := stat(t, v)
				peak.NumStreamsInbound = max(peak.NumStreamsInbound, now.NumStreamsInbound)
				peak.Memory = max(peak.Memory, now.Memory)
			}
			if err := <-ended; err != nil {
				t.Error("attack:", err)
			}
			if peak.NumStreamsInbound > 5*96 || peak.Memory > systemMemory {
				t.Errorf("at most %+v", peak)
			}
			eventually(t, "only the honest peer is left", func() bool {
				now, peers := stat(t, v), v.host.Network().Peers()
				return len(peers) == 1 && now.NumStreamsInbound <= before.NumStreamsInbound+6 && now.Memory <= before.Memory+4<<20
			})
		})
	}
	eventually(t, "what was started for strangers ends", func() bool { return runtime.NumGoroutine() <= routines+10 })
}

func TestLookUpsCapturedBySybilsDoNotHideAHolderOneIsConnectedTo(t *testing.T) {
	a, _, root, size := holder(t, 256<<10)
	b := open(t, Options{})
	sybils, err := attacktest.Sybils(t.Context(), attacktest.Target{AddrInfo: info(b), Root: root}, 6, "/ip4/127.0.0.1/tcp/0")
	if err != nil {
		t.Fatal(err)
	}
	defer attacktest.Close(sybils)
	eventually(t, "the sybils are in the routing table", func() bool { return b.dht.RoutingTable().Size() == len(sybils) })
	connect(t, b, a)
	if found := b.Holders(t.Context(), root); len(found) < 2 || found[0] != a.ID() {
		t.Errorf("holders, the sybils among them: %v", found)
	}
	into := newMemory()
	if err := b.Fetch(t.Context(), root, into, FetchOptions{}); err != nil || into.kept.Load() != size {
		t.Errorf("fetched %d bytes of %d: %v", into.kept.Load(), size, err)
	}
}
