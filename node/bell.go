package node

import "time"

// bell wakes one background loop. A ring is remembered once while the loop is
// busy and never blocks who rings.
type bell chan struct{}

func newBell() bell { return make(bell, 1) }

func (b bell) ring() {
	select {
	case b <- struct{}{}:
	default:
	}
}

// door lets one in at a time, but nobody waits at it for longer than said.
type door chan struct{}

func newDoor() door { return make(door, 1) }

// enter returns when nobody is inside or the patience is over, and what leaves.
func (d door) enter(patience time.Duration) (leave func()) {
	over := time.NewTimer(patience)
	defer over.Stop()
	select {
	case d <- struct{}{}:
		return func() { <-d }
	case <-over.C:
		return func() {}
	}
}
