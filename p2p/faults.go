package p2p

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// Fault is what a peer did that no honest one does: wrong bytes, a block nobody asked for. As an error it names the peer.
type Fault struct {
	Peer peer.ID   `json:"peer"`
	What string    `json:"what"`
	At   time.Time `json:"at"` // by this node's clock
}

func (f *Fault) Error() string { return fmt.Sprintf("peer %s: %s", f.Peer, f.What) }

// maxFaults is how many faults are remembered.
const maxFaults = 256

// faultLog remembers the latest faults. The zero value is empty.
type faultLog struct {
	mu     sync.Mutex // guards faults
	faults []Fault    // oldest first
}

// Faults lists the latest faults seen since Open, oldest first.
func (m *Mesh) Faults() []Fault {
	m.faults.mu.Lock()
	defer m.faults.mu.Unlock()
	return slices.Clone(m.faults.faults)
}

func (m *Mesh) recordFault(f *Fault) {
	m.log.Warn("peer at fault", "peer", f.Peer, "what", f.What)
	m.faults.mu.Lock()
	defer m.faults.mu.Unlock()
	if len(m.faults.faults) == maxFaults {
		m.faults.faults = slices.Delete(m.faults.faults, 0, 1)
	}
	m.faults.faults = append(m.faults.faults, *f)
}
