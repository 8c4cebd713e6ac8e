package p2p

import (
	"cmp"
	"time"
)

const (
	// A holder is let send what it sends in windowTime and two round trips, before it is told to go on.
	windowTime  = 500 * time.Millisecond
	firstWindow = 1 << 20 // of a holder whose pace is not known yet
	minWindow   = 256 << 10
	maxWindow   = 4 << 20
	maxTrip     = 2 * time.Second
)

// flow is how much a holder is let send ahead: enough to keep the road full, little enough that others can take over what
// it is slow to bring. The sender spends a block when it begins to send it, the receiver when all of it is here; so credit
// is given as soon as an eighth of the window is used.
type flow struct {
	credit int64 // let come and not come yet; what was left unknown may make it negative
	window int64 // of credit
	whole  bool  // all that is due was let come
	came   int64 // bytes since the window was last set
	since  time.Time
	last   time.Time     // when something came
	pace   float64       // bytes a second
	trip   time.Duration // until the first answer came
}

// newFlow starts with the last window of that holder, 0 when there was none.
func newFlow(window int64) flow {
	now := time.Now()
	return flow{window: cmp.Or(window, firstWindow), since: now, last: now}
}

// take notes that n bytes came, and measures the pace by half-windows.
func (f *flow) take(n int) {
	now := time.Now()
	f.credit -= int64(n)
	f.last = now
	if f.trip == 0 {
		f.trip, f.since = now.Sub(f.since), now
		return
	}
	f.came += int64(n)
	took := now.Sub(f.since)
	if f.came < f.window/2 && took < windowTime || took <= 0 {
		return
	}
	f.pace = float64(f.came) / took.Seconds()
	ahead := windowTime + 2*min(f.trip, maxTrip)
	f.window = min(max(int64(f.pace*ahead.Seconds()), minWindow), maxWindow, 2*f.window)
	f.came, f.since = 0, now
}

// grant is how many bytes more to let come when so many are left, 0 for now none. It sets whole when no more will be.
func (f *flow) grant(left int64) int64 {
	if f.whole || f.credit > f.window-f.window/8 {
		return 0
	}
	n := f.window - f.credit
	if left <= f.window {
		n, f.whole = max(left, minWindow)-f.credit, true
	}
	n = max(n, 0)
	f.credit += n
	return n
}

// eta is how long it takes at this pace until so many bytes have come.
func (f *flow) eta(left int64) time.Duration {
	silent := time.Since(f.last)
	if f.pace == 0 {
		return silent
	}
	return max(silent, time.Duration(float64(left)/f.pace*float64(time.Second)))
}
