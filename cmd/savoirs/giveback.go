package main

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	lookEvery = 10 * time.Second
	// busyBytes allocated between two looks are the sign of a gesture; an idle node needs a tenth of it.
	busyBytes = 8 << 20
	// givings is how often memory is given back after a gesture: what is pooled survives the first.
	givings = 2
)

// giveBack returns to the system, once the start or a large gesture is over, the
// memory that it needed: the runtime alone takes its time, and on a board others
// need it.
func giveBack(ctx context.Context) error {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	before, left := uint64(0), 0 // the start is a gesture too
	unmapProgram()               // at once, so that what it touched does not add to what the first gesture needs
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
		}
		now := allocated()
		switch {
		case now-before > busyBytes:
			left = givings
		case left > 0:
			left--
			debug.FreeOSMemory()
			unmapProgram()
		}
		before = now
	}
}

// allocated is how many bytes were ever allocated.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
