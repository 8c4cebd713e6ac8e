package p2p

import (
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

const (
	// minSteal is what is worth a request of its own.
	minSteal = 512 << 10
	// tailTime is how long the last blocks may take before someone idle is asked for them too.
	tailTime = 300 * time.Millisecond
)

// steal takes from the far end of what another claim is to bring, for p, which is idle: half of what was not let come yet.
// When there is no such thing, it is half of what will take longest to come; whoever brings a block of it first is thanked.
// One on trial gets a single link of the former.
func (w *walk) steal(p peer.ID) []link {
	var rich, slow *claim
	for c := range w.claims {
		if c.peer == p || c.peer == nobody || c.own == 0 {
			continue
		}
		if spare := c.left - c.flow.credit; c.own > 1 && spare >= minSteal && (rich == nil || spare > rich.left-rich.flow.credit) {
			rich = c
		}
		if slow == nil || c.late() > slow.late() {
			slow = c
		}
	}
	if w.onTrial(p) {
		if rich == nil || w.anyIdle(func(peer.ID) bool { return true }) {
			return nil
		}
		return w.far(rich, p, 0)
	}
	if rich != nil {
		if span := w.far(rich, p, (rich.left-rich.flow.credit)/2); len(span) > 0 {
			return span
		}
	}
	if slow != nil && slow.late() > 0 {
		return w.far(slow, p, slow.left/2)
	}
	return nil
}

// late is how much longer a claim will take than the last blocks may.
func (c *claim) late() time.Duration {
	if c.trial {
		return c.flow.eta(c.left) - trialTime
	}
	return c.flow.eta(c.left) - tailTime
}

// far moves up to n bytes' worth of links, but at least one and at most maxWant, out of a claim: those that would come
// last and that p may have.
func (w *walk) far(c *claim, p peer.ID, n int64) (span []link) {
	for i := range c.todo {
		d := &c.todo[i]
		if !d.own {
			continue
		}
		if w.lacking(d.link, p) {
			break
		}
		if _, waited := w.reserved[d.cid]; !waited {
			continue
		}
		if len(span) > 0 && d.estimate() > n || len(span) == maxWant {
			break
		}
		n -= d.estimate()
		c.disown(*d)
		d.own = false
		span = append(span, d.link)
	}
	slices.Reverse(span)
	return span
}
