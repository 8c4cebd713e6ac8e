package p2p

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"
)

const (
	holdsName = "holds"
	// maxHolds is how many roots one question names.
	maxHolds = 64
)

func holdsLimit() Limit {
	return Limit{MaxRequest: 16 << 10, MaxAnswer: 1 << 10, Timeout: 3 * time.Second, PerPeer: 8}
}

type holdsQuestion struct {
	Roots []cid.Cid `cbor:"roots"`
}

type holdsAnswer struct {
	Held []bool `cbor:"held"` // one for each root, in order
}

// serveHolds tells anyone whether a root is in Options.Blocks.
func (m *Mesh) serveHolds() {
	Handle(m, holdsName, holdsLimit(), func(ctx context.Context, _ peer.ID, q holdsQuestion) (holdsAnswer, error) {
		if len(q.Roots) > maxHolds {
			return holdsAnswer{}, &RemoteError{Code: CodeTooLarge, Message: "too many roots"}
		}
		held := make([]bool, len(q.Roots))
		for i, root := range q.Roots {
			if !root.Defined() || inline(root) {
				continue
			}
			var err error
			if held[i], err = m.opts.Blocks.Has(ctx, root); err != nil {
				return holdsAnswer{}, err
			}
		}
		return holdsAnswer{Held: held}, nil
	})
}

// Holders finds who holds root: connected peers that say so, nearest first, then those the DHT names, who may be gone or
// wrong. It takes at most ten seconds; what was found when ctx ends is returned.
func (m *Mesh) Holders(ctx context.Context, root cid.Cid) []peer.ID {
	var (
		mu         sync.Mutex // guards near and far
		near, far  []peer.ID
		collecting sync.WaitGroup
	)
	collect := func(into *[]peer.ID) func(peer.ID) {
		return func(p peer.ID) {
			mu.Lock()
			defer mu.Unlock()
			*into = append(*into, p)
		}
	}
	collecting.Go(func() { m.askConnected(ctx, root, collect(&near)) })
	collecting.Go(func() { m.findInDHT(ctx, root, collect(&far)) })
	collecting.Wait()

	slices.SortFunc(near, func(a, b peer.ID) int {
		return cmp.Compare(m.host.Peerstore().LatencyEWMA(a), m.host.Peerstore().LatencyEWMA(b))
	})
	for _, p := range far {
		if !slices.Contains(near, p) && m.gate.open(p) {
			near = append(near, p)
		}
	}
	return near
}

// askConnected calls found, concurrently, for each connected peer that says it holds root.
func (m *Mesh) askConnected(ctx context.Context, root cid.Cid, found func(peer.ID)) {
	var asking sync.WaitGroup
	slots := make(chan struct{}, 16)
	for _, p := range m.host.Network().Peers() {
		if !m.speaksSavoirs(p) {
			continue
		}
		slots <- struct{}{}
		asking.Go(func() {
			defer func() { <-slots }()
			a, err := Call[holdsQuestion, holdsAnswer](ctx, m, p, holdsName, holdsLimit(), holdsQuestion{Roots: []cid.Cid{root}})
			if err != nil {
				m.log.Debug("ask who holds", "root", root, "err", err)
				return
			}
			if len(a.Held) == 1 && a.Held[0] {
				found(p)
			}
		})
	}
	asking.Wait()
}
