package node

import (
	"sync"

	"github.com/libp2p/go-libp2p/core/peer"

	"savoirs/store/catalog"
)

// coming is whose entries are on their way here. Neighbours that ask for them
// meanwhile wait, so that news needs no second question at any node it passes.
type coming struct {
	mu    sync.Mutex      // guards the fields below
	of    map[peer.ID]int // pieces of news of each author
	moved chan struct{}   // closed when entries came or are expected no more
}

func (c *coming) expect(about []told) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil {
		c.of = map[peer.ID]int{}
	}
	for _, h := range about {
		c.of[h.Author]++
	}
}

// end says that what expect was told is here, or is not to be had.
func (c *coming) end(about []told) {
	if len(about) == 0 {
		return
	}
	c.mu.Lock()
	for _, h := range about {
		if c.of[h.Author]--; c.of[h.Author] == 0 {
			delete(c.of, h.Author)
		}
	}
	c.mu.Unlock()
	c.move()
}

// move wakes who waits.
func (c *coming) move() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.moved != nil {
		close(c.moved)
		c.moved = nil
	}
}

// any returns what is closed at the next move, nil if nothing of these authors
// is on its way.
func (c *coming) any(heights []catalog.Height) <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, h := range heights {
		if c.of[h.Author] > 0 {
			if c.moved == nil {
				c.moved = make(chan struct{})
			}
			return c.moved
		}
	}
	return nil
}
