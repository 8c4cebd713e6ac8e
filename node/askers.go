package node

import (
	"sync"

	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/time/rate"
)

// What one peer may ask of this node: people ask a question now and then, each with some proofs.
const (
	asksPerSecond = 10
	asksBurst     = 100
	maxAskers     = 1024 // peers remembered
)

// askers paces what peers ask. The zero value is empty.
type askers struct {
	mu sync.Mutex // guards of
	of map[peer.ID]*rate.Limiter
}

// take counts a call in, or refuses it.
func (a *askers) take(from peer.ID) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	l := a.of[from]
	if l == nil {
		for old := range a.of {
			if len(a.of) < maxAskers {
				break
			}
			delete(a.of, old)
		}
		if a.of == nil {
			a.of = map[peer.ID]*rate.Limiter{}
		}
		l = rate.NewLimiter(asksPerSecond, asksBurst)
		a.of[from] = l
	}
	return l.Allow()
}
