package p2p

import (
	"sync"

	"github.com/ipfs/boxo/bitswap"
	"github.com/ipfs/boxo/bitswap/network/bsnet"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
)

var bitswapProtocols = []protocol.ID{
	bsnet.ProtocolBitswap, bsnet.ProtocolBitswapOneOne, bsnet.ProtocolBitswapOneZero, bsnet.ProtocolBitswapNoVers,
}

// sleeper is bitswap, started by the first stream of an IPFS program or the first block that nobody gives otherwise. Its
// server wakes ten times a second whether it has anything to do or not (boxo, bitswap/server/internal/decision), which is
// more than all else an idle node does, and among our own nodes it is hardly ever needed.
type sleeper struct {
	host.Host // of bitswap: the handlers that it sets are kept for the streams that woke it
	start     func(host.Host) *bitswap.Bitswap

	mu       sync.Mutex // guards what follows
	closed   bool
	awake    *bitswap.Bitswap
	handlers map[protocol.ID]network.StreamHandler
}

// newSleeper answers the streams of bitswap on h.
func newSleeper(h host.Host, start func(host.Host) *bitswap.Bitswap) *sleeper {
	s := &sleeper{Host: h, start: start, handlers: map[protocol.ID]network.StreamHandler{}}
	for _, id := range bitswapProtocols {
		h.SetStreamHandler(id, func(stream network.Stream) {
			s.wake()
			s.mu.Lock()
			handle := s.handlers[id]
			s.mu.Unlock()
			if handle == nil { // closed
				stream.ResetWithError(network.StreamShutdown)
				return
			}
			handle(stream)
		})
	}
	return s
}

// SetStreamHandler is called by bitswap while wake starts it, under mu.
func (s *sleeper) SetStreamHandler(id protocol.ID, f network.StreamHandler) { s.handlers[id] = f }

// wake returns bitswap, started if need be; nil after close.
func (s *sleeper) wake() *bitswap.Bitswap {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	if s.awake == nil {
		s.awake = s.start(s)
	}
	return s.awake
}

func (s *sleeper) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.awake == nil {
		return nil
	}
	clear(s.handlers)
	return s.awake.Close()
}
