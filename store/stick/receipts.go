package stick

import (
	"fmt"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
)

// Limits of Receipts.
const (
	MaxReceipts     = 256 << 10 // bytes of what is signed
	MaxReceiptLines = 1000
	maxWhy          = 500 // bytes of a reason
)

// Receipts say what came to a node by stick, and what became of it. Of each node only those with the highest count mean
// anything.
type Receipts struct {
	V      int       `cbor:"v"`      // version of the format, 1
	Author peer.ID   `cbor:"author"` // whose node received
	Count  uint64    `cbor:"count"`  // the author's own, from 1; gaps mean nothing
	Lines  []Receipt `cbor:"lines"`  // the newest first
}

// Receipt is a line of Receipts.
type Receipt struct {
	Root  cid.Cid      `cbor:"root"`
	State ReceiptState `cbor:"state"`
	Why   string       `cbor:"why,omitempty"`   // a person's words, at most 500 bytes
	By    peer.ID      `cbor:"by"`              // who had put it on the stick
	Stick ID           `cbor:"stick"`           // which one
	Count uint64       `cbor:"count"`           // of the writing that was read
	Bytes int64        `cbor:"bytes,omitempty"` // taken from the stick
}

// ReceiptState is what became of an item.
type ReceiptState string

// The states of an item that came by stick.
const (
	Delivered  ReceiptState = "delivered"  // it is in the mesh space there, whole
	Waiting    ReceiptState = "waiting"    // it waits for a person
	Refused    ReceiptState = "refused"    // a person did not want it, see Why
	Damaged    ReceiptState = "damaged"    // blocks of it were wrong
	Incomplete ReceiptState = "incomplete" // blocks of it are missing
	Repaired   ReceiptState = "repaired"   // it was damaged there, and is whole again
)

// Valid tells whether s is one of the states.
func (s ReceiptState) Valid() bool {
	switch s {
	case Delivered, Waiting, Refused, Damaged, Incomplete, Repaired:
		return true
	}
	return false
}

// SealReceipts signs r, of which it sets V and Author. ErrMalformed when r breaks a limit.
func SealReceipts(key crypto.PrivKey, r Receipts) ([]byte, error) {
	id, err := peer.IDFromPrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("seal receipts: %w", err)
	}
	r.V, r.Author = 1, id
	b, err := receiptsKind.seal(key, r)
	if err != nil {
		return nil, fmt.Errorf("seal receipts: %w", err)
	}
	if _, err := OpenReceipts(b); err != nil {
		return nil, fmt.Errorf("seal receipts: %w", err)
	}
	return b, nil
}

// OpenReceipts verifies sealed receipts and returns what they say. Errors are ErrMalformed and ErrBadSignature.
func OpenReceipts(b []byte) (Receipts, error) {
	var r Receipts
	if err := receiptsKind.open(b, &r, func() peer.ID { return r.Author }); err != nil {
		return Receipts{}, err
	}
	return r, r.check()
}

func (r Receipts) check() error {
	if r.V != 1 || r.Count == 0 || len(r.Author) != idSize || len(r.Lines) > MaxReceiptLines {
		return fmt.Errorf("%w: receipts of version %d, count %d, %d lines", ErrMalformed, r.V, r.Count, len(r.Lines))
	}
	for _, l := range r.Lines {
		if !l.Root.Defined() || l.Root.ByteLen() > maxCid || !l.State.Valid() || len(l.Why) > maxWhy || len(l.By) != idSize || l.Bytes < 0 {
			return fmt.Errorf("%w: receipt of %s, %q", ErrMalformed, l.Root, l.State)
		}
	}
	return nil
}
