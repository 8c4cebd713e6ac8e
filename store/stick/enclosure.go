package stick

import (
	"fmt"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
)

// Enclosure says, inside a sealed file, who sends what to whom. It is signed, and names its readers, so that none of
// them can pass the file on to others as if it had been sent to them.
type Enclosure struct {
	V      int     `cbor:"v"`      // version of the format, 1
	Author peer.ID `cbor:"author"` // who sends it
	To     Nodes   `cbor:"to"`     // who may read it, 1 to MaxReaders
	Root   cid.Cid `cbor:"root"`   // the item
	Title  string  `cbor:"title"`  // at most 300 bytes
	Kind   string  `cbor:"kind"`   // as in an entry, at most 20 bytes
	Size   int64   `cbor:"size"`   // bytes of all its files
	Part   int     `cbor:"part"`   // which of the files the item travels in, from 1
	Parts  int     `cbor:"parts"`  // how many these are
	Blocks int     `cbor:"blocks"` // in this one
	Car    int64   `cbor:"car"`    // bytes of the CARv1 with them that follows
}

const (
	// MaxReaders is to how many nodes a sealed file can be addressed.
	MaxReaders   = 32
	maxEnclosure = 8 << 10
	maxParts     = MaxSealed
)

var enclosureKind = letterKind{"savoirs-stick-enclosure", "/savoirs/stick-enclosure/1", maxEnclosure}

func (e Enclosure) seal(key crypto.PrivKey) ([]byte, error) {
	b, err := enclosureKind.seal(key, e)
	if err != nil {
		return nil, err
	}
	_, err = openEnclosure(b)
	return b, err
}

func openEnclosure(b []byte) (Enclosure, error) {
	var e Enclosure
	if err := enclosureKind.open(b, &e, func() peer.ID { return e.Author }); err != nil {
		return Enclosure{}, err
	}
	return e, e.check()
}

func (e Enclosure) check() error {
	switch {
	case e.V != 1 || len(e.Author) != idSize || len(e.To) == 0 || len(e.To) > MaxReaders:
	case !e.Root.Defined() || e.Root.ByteLen() > maxCid || len(e.Title) > 300 || len(e.Kind) > 20 || e.Size < 0:
	case e.Parts < 1 || e.Parts > maxParts || e.Part < 1 || e.Part > e.Parts:
	case e.Blocks < 1 || e.Blocks > MaxPackBlocks || e.Car < 1 || e.Car > MaxSealedSize:
	default:
		return nil
	}
	return fmt.Errorf("%w: what a sealed file says of itself", ErrMalformed)
}
