package p2p

import (
	"context"
	"sync"

	"github.com/ipfs/boxo/bitswap"
	"github.com/ipfs/boxo/bitswap/message"
	"github.com/ipfs/boxo/bitswap/network/bsnet"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
)

// newBitswap serves blocks to any IPFS implementation, and asks for those that nobody gives over a straight stream. It is
// given only what anyone may read, and never puts anything there. Its workers fit a small board.
func (m *Mesh) newBitswap(ctx context.Context, h host.Host) *bitswap.Bitswap {
	h = foreign{Host: h, maxFrame: maxBlock + 64<<10, frames: &paces{perSecond: 200, burst: 800}}
	return bitswap.New(ctx, withinLimits{bsnet.NewFromIpfsHost(h), m}, nil, sized{m.opts.Blocks},
		bitswap.EngineBlockstoreWorkerCount(8),
		bitswap.EngineTaskWorkerCount(4),
		bitswap.TaskWorkerCount(4),
		bitswap.MaxOutstandingBytesPerPeer(1<<20),
		bitswap.MaxQueuedWantlistEntriesPerPeer(1024),
		bitswap.MaxCidSize(100),
		bitswap.WithoutDuplicatedBlockStats(),
		bitswap.WithTracer(unasked{m}),
	)
}

const (
	maxWanted = 8192 // blocks asked for of late
	// maxUnasked is how many blocks a peer may send that were not asked for of late: one, and its answer may have crossed
	// with a restart of this node.
	maxUnasked        = 16
	maxUnaskedCounted = 1024 // peers
)

// wanted remembers what was asked for over bitswap of late, as its answers name no question. The zero value is empty.
type wanted struct {
	mu     sync.Mutex // guards what follows
	recent map[cid.Cid]struct{}
	ring   []cid.Cid // the same, by age
	next   int
	odd    map[peer.ID]int // blocks that came unasked
}

// add notes that these are being asked for.
func (w *wanted) add(cids []cid.Cid) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.recent == nil {
		w.recent, w.ring = map[cid.Cid]struct{}{}, make([]cid.Cid, maxWanted)
	}
	for _, c := range cids {
		if _, known := w.recent[c]; known {
			continue
		}
		delete(w.recent, w.ring[w.next])
		w.ring[w.next], w.next = c, (w.next+1)%maxWanted
		w.recent[c] = struct{}{}
	}
}

// tooMany counts a block that came from p and tells whether p has sent too many that nobody asked for.
func (w *wanted) tooMany(p peer.ID, c cid.Cid) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, asked := w.recent[c]; asked {
		return false
	}
	if w.odd == nil || len(w.odd) >= maxUnaskedCounted {
		w.odd = map[peer.ID]int{}
	}
	w.odd[p]++
	if w.odd[p] <= maxUnasked {
		return false
	}
	delete(w.odd, p)
	return true
}

// unasked finds the peers that send blocks over bitswap that nobody asked for: wrong bytes for a block show as that, since
// bitswap names blocks by what came.
type unasked struct{ m *Mesh }

// MessageReceived is called for each message of a peer, before anything is done with it.
func (u unasked) MessageReceived(p peer.ID, msg message.BitSwapMessage) {
	for _, b := range msg.Blocks() {
		if u.m.wanted.tooMany(p, b.Cid()) {
			u.m.recordFault(faultOf(p, "bitswap", wrongBlock(Unasked, "bitswap", b.Cid(), b.RawData())))
			return
		}
	}
}

// MessageSent is of no interest.
func (unasked) MessageSent(peer.ID, message.BitSwapMessage) {}
