package p2p

import "github.com/libp2p/go-libp2p/core/peer"

// Anybody may say that he holds an item. Beside those who have brought something, in this fetch or before, a stranger is on
// trial until he has too: he is asked for one link, and what an idle one of the former can bring is not left to him. So a
// crowd of liars holds up no more than the last blocks, and these not for long.
const (
	// maxTrials is how many are on trial at once.
	maxTrials = 2
	// trialTime is how long a stranger may say nothing before an idle one that is trusted is asked too.
	trialTime = tailTime / 10
)

// trust says that p has brought something before.
func (w *walk) trust(p peer.ID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.trusted[p] = struct{}{}
}

// onTrial tells whether p has brought nothing yet, while somebody is at work, or ready to, who has.
func (w *walk) onTrial(p peer.ID) bool {
	if _, trusted := w.trusted[p]; trusted || p == nobody {
		return false
	}
	for c := range w.claims {
		if _, trusted := w.trusted[c.peer]; trusted {
			return true
		}
	}
	return w.anyIdle(func(peer.ID) bool { return true })
}

// trials is how many claims are on trial.
func (w *walk) trials() (n int) {
	for c := range w.claims {
		if c.trial {
			n++
		}
	}
	return n
}

// pass ends the trial of who has just brought what was waited for.
func (w *walk) pass(c *claim) {
	if _, trusted := w.trusted[c.peer]; !trusted {
		w.trusted[c.peer] = struct{}{}
		w.wake()
	}
	c.trial = false
}

// reservedForOthers tells whether l is left to one who is trusted and idle, since p is not.
func (w *walk) reservedForOthers(l link, p peer.ID) bool {
	if _, trusted := w.trusted[p]; trusted || p == nobody {
		return false
	}
	return w.anyIdle(func(q peer.ID) bool { return !w.lacking(l, q) })
}

// anyIdle tells whether what holds of one who is trusted and idle.
func (w *walk) anyIdle(what func(peer.ID) bool) bool {
	for q := range w.idle {
		if _, trusted := w.trusted[q]; trusted && what(q) {
			return true
		}
	}
	return false
}

// rest notes that p is idle until the function it returns is called.
func (w *walk) rest(p peer.ID) (over func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.idle[p]++
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.idle[p]--; w.idle[p] == 0 {
			delete(w.idle, p)
		}
		w.wake()
	}
}
