package node

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
