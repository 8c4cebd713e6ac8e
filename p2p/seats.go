package p2p

import (
	"sync"

	"github.com/libp2p/go-libp2p/core/network"
)

// seats are the streams of one protocol that are served at once. When all are taken, one of the most crowded neighbourhood
// gives way, the youngest: whoever holds many and does nothing keeps nobody out.
type seats struct {
	total int

	mu    sync.Mutex                  // guards taken
	taken map[string][]network.Stream // by neighbourhood, oldest first
	n     int
}

// take gives s a seat, maybe resetting another stream, or tells that its own neighbourhood has its share.
func (l *seats) take(s network.Stream) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	who := neighbourhood(s.Conn())
	if l.n >= l.total {
		crowd := who
		for other, streams := range l.taken {
			if len(streams) > len(l.taken[crowd]) {
				crowd = other
			}
		}
		last := len(l.taken[crowd]) - 1
		if last <= len(l.taken[who]) {
			return false
		}
		// Beside: one who reads nothing can keep even this waiting, until its connection is given up.
		go l.taken[crowd][last].ResetWithError(network.StreamResourceLimitExceeded)
		l.leave(crowd, last)
	}
	if l.taken == nil {
		l.taken = map[string][]network.Stream{}
	}
	l.taken[who] = append(l.taken[who], s)
	l.n++
	return true
}

// free gives back the seat of s, which it may have lost already.
func (l *seats) free(s network.Stream) {
	l.mu.Lock()
	defer l.mu.Unlock()
	who := neighbourhood(s.Conn())
	for i, other := range l.taken[who] {
		if other == s {
			l.leave(who, i)
			return
		}
	}
}

func (l *seats) leave(who string, i int) {
	l.n--
	if len(l.taken[who]) == 1 {
		delete(l.taken, who)
		return
	}
	l.taken[who] = append(l.taken[who][:i:i], l.taken[who][i+1:]...)
}
