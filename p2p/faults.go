package p2p

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"
)

// FaultKind is what a fault is, in one word that never changes.
type FaultKind string

// The first four are proved lies: no honest node does them, whatever its links, its disk or its clock, as savoirs hashes
// what it reads and verifies what it passes on. The others may be another version, or a bug.
const (
	WrongBytes   FaultKind = "wrong-bytes"   // the block asked for, with other bytes
	FalsePassage FaultKind = "false-passage" // a passage of a dataset of its own that the dataset does not hold
	Unasked      FaultKind = "unasked"       // a block that was never asked for
	BadSignature FaultKind = "bad-signature" // a statement in its own name that its key did not sign
	Malformed    FaultKind = "malformed"     // not the protocol
	FalsePack    FaultKind = "false-pack"    // a pack that is not of its dataset, or not of its model
)

// Proved tells whether a fault of this kind is a lie that nothing excuses.
func (k FaultKind) Proved() bool {
	return k == WrongBytes || k == FalsePassage || k == Unasked || k == BadSignature
}

// maxEvidence is how many bytes of what came are kept; the hash vouches for the rest.
const maxEvidence = 64

// Fault is what a peer did that it should not have, with the evidence. As an error it names the peer, and it wraps what
// only a faulty or hostile peer sends.
type Fault struct {
	Peer     peer.ID   `json:"peer"`
	Kind     FaultKind `json:"kind"`
	Protocol string    `json:"protocol,omitempty"`
	What     string    `json:"what"` // in English, for a log
	At       time.Time `json:"at"`   // by this node's clock

	Asked  string `json:"asked,omitempty"`  // CID of the block asked for
	Length int    `json:"length,omitempty"` // bytes that came
	SHA256 string `json:"sha256,omitempty"` // of what came, hexadecimal
	First  []byte `json:"first,omitempty"`  // of what came, at most 64 bytes
	Signed []byte `json:"signed,omitempty"` // a statement whose signature is invalid, whole
}

func (f *Fault) Error() string { return fmt.Sprintf("peer %s: %s", f.Peer, f.What) }

// Unwrap says that it is a lie.
func (f *Fault) Unwrap() error { return errLie }

// errLie is wrapped by what only a faulty or hostile peer sends.
var errLie = errors.New("not what was asked for")

// NewFault describes what came from a peer, now. Whose fault it is remains to be said.
func NewFault(kind FaultKind, protocol, what string, came []byte) *Fault {
	sum := sha256.Sum256(came)
	return &Fault{
		Kind: kind, Protocol: protocol, What: what, At: time.Now(),
		Length: len(came), SHA256: hex.EncodeToString(sum[:]), First: slices.Clone(came[:min(len(came), maxEvidence)]),
	}
}

// wrongBlock is a block that is not the one asked for.
func wrongBlock(kind FaultKind, protocol string, asked cid.Cid, came []byte) *Fault {
	f := NewFault(kind, protocol, fmt.Sprintf("%s: block %s", kind, asked), came)
	f.Asked = asked.String()
	return f
}

// faultOf finds the fault in what went wrong with p, or makes one of it.
func faultOf(p peer.ID, protocol string, why error) *Fault {
	f, known := errors.AsType[*Fault](why)
	if !known {
		f = &Fault{Kind: Malformed, Protocol: protocol, What: why.Error()}
	}
	f.Peer, f.At = p, time.Now()
	return f
}

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

// recordFault remembers a fault and refuses its peer for good or for a while, as Options.Faulted says.
func (m *Mesh) recordFault(f *Fault) {
	m.log.Warn("peer at fault", "peer", f.Peer, "kind", f.Kind, "protocol", f.Protocol, "what", f.What)
	m.faults.mu.Lock()
	if len(m.faults.faults) == maxFaults {
		m.faults.faults = slices.Delete(m.faults.faults, 0, 1)
	}
	m.faults.faults = append(m.faults.faults, *f)
	m.faults.mu.Unlock()
	if m.opts.Faulted != nil && m.opts.Faulted(*f) {
		m.Block(f.Peer)
		return
	}
	m.gate.pause(f.Peer, faultPause)
	m.hangUp(f.Peer)
}

// Blame records a fault that the caller found in what p said in a call or a head.
func (m *Mesh) Blame(p peer.ID, f *Fault) {
	f.Peer = p
	m.recordFault(f)
}
