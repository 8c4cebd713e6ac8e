package main

import (
	"time"

	"github.com/fxamacker/cbor/v2"

	"savoirs/store/catalog"
)

// What travels, by kind.
const (
	asGossip  = iota // heads
	asCalls          // streams opened and closed, frames and packets of calls
	asDigests        // roots and branches
	asHeights
	asEntries
	kinds
)

// traffic is bytes sent, by kind.
type traffic [kinds]int64

func (t traffic) total() (sum int64) {
	for _, n := range t {
		sum += n
	}
	return sum
}

// Bytes beside what the catalogue says, from the formats: a head is 190 bytes of
// CBOR, gossipsub signs it and names sender and topic in 140 more; a packet has
// 20 of IP, 32 of TCP, 18 of Noise and 12 of yamux. A call opens a stream in
// each direction (multistream, protocol name, frames) and closes it.
const (
	headBytes   = 190 + 140 + packetBytes
	packetBytes = 82
	packetSize  = 1400
	callBytes   = 64 + 2*packetBytes
)

// link joins two nodes that are connected. Each direction carries one message
// after the other at its rate.
type link struct {
	sim   *simulation
	ends  [2]*simNode
	delay time.Duration
	free  [2]time.Duration // when each direction has sent what it has
	cut   bool
	calls bell // rung when it is cut, for who waits for an answer
}

func (l *link) other(n *simNode) *simNode {
	if l.ends[0] == n {
		return l.ends[1]
	}
	return l.ends[0]
}

// send carries a message from one end; arrive is called at the other unless the
// link is cut before.
func (l *link) send(from *simNode, what traffic, arrive func()) {
	for k, n := range what {
		from.sent[k] += n
	}
	dir := 0
	if l.ends[1] == from {
		dir = 1
	}
	c := &l.sim.clock
	l.free[dir] = max(l.free[dir], c.now) + time.Duration(float64(what.total())*8/l.sim.o.mbit*float64(time.Microsecond))
	c.after(l.free[dir]-c.now+l.delay, func() {
		if !l.cut {
			arrive()
		}
	})
}

// sizeOf is what v takes on the wire.
func sizeOf(v any) int64 {
	b, err := cbor.Marshal(v)
	if err != nil {
		panic(err) // ours, and plain
	}
	return int64(len(b))
}

func packets(t traffic) traffic {
	t[asCalls] += callBytes + t.total()/packetSize*packetBytes
	return t
}

func weighQuestion(q catalog.Question) (t traffic) {
	whole := sizeOf(q)
	if len(q.Heights) > 0 {
		t[asHeights] = sizeOf(q.Heights)
	}
	t[asDigests] = whole - t[asHeights]
	return packets(t)
}

func weighAnswer(a catalog.Answer) (t traffic) {
	for _, s := range a.Entries {
		t[asEntries] += int64(len(s)) + 3
	}
	a.Entries = nil
	t[asDigests] = sizeOf(a)
	return packets(t)
}
