package stick

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/libp2p/go-libp2p/core/peer"
)

// Run is a row of blocks of a pack.
type Run struct {
	Pack   uint32 // number of the pack in the MANIFEST, from 0
	First  uint32 // number of the first block in the pack, from 0
	Blocks uint32 // how many
}

// Runs say where the blocks of an item are, in the order of its tree, parents first.
type Runs []Run

// add appends a block, to the last run when it goes on from there.
func (r Runs) add(pack, block uint32) Runs {
	if n := len(r); n > 0 && r[n-1].Pack == pack && r[n-1].First+r[n-1].Blocks == block {
		r[n-1].Blocks++
		return r
	}
	return append(r, Run{Pack: pack, First: block, Blocks: 1})
}

// MarshalBinary gives three uvarints a run.
func (r Runs) MarshalBinary() ([]byte, error) {
	b := make([]byte, 0, 5*len(r))
	for _, run := range r {
		b = binary.AppendUvarint(b, uint64(run.Pack))
		b = binary.AppendUvarint(b, uint64(run.First))
		b = binary.AppendUvarint(b, uint64(run.Blocks))
	}
	return b, nil
}

// UnmarshalBinary is the opposite of MarshalBinary.
func (r *Runs) UnmarshalBinary(b []byte) error {
	out := make(Runs, 0, len(b)/5)
	for len(b) > 0 {
		var run [3]uint32
		for i := range run {
			v, n := binary.Uvarint(b)
			if n <= 0 || v > math.MaxUint32 {
				return fmt.Errorf("%w: runs", ErrMalformed)
			}
			run[i], b = uint32(v), b[n:]
		}
		out = append(out, Run{run[0], run[1], run[2]})
	}
	*r = out
	return nil
}

// idSize is the size of the id of a node, whose key is Ed25519.
const idSize = 38

// Nodes are ids of nodes, one after the other.
type Nodes []peer.ID

// MarshalBinary gives idSize bytes a node.
func (n Nodes) MarshalBinary() ([]byte, error) {
	var b []byte
	for _, id := range n {
		if len(id) != idSize {
			return nil, fmt.Errorf("%w: node %q", ErrMalformed, id)
		}
		b = append(b, id...)
	}
	return b, nil
}

// UnmarshalBinary is the opposite of MarshalBinary.
func (n *Nodes) UnmarshalBinary(b []byte) error {
	if len(b)%idSize != 0 || len(b) > idSize*maxElements {
		return fmt.Errorf("%w: %d bytes of nodes", ErrMalformed, len(b))
	}
	out := make(Nodes, 0, len(b)/idSize)
	for ; len(b) > 0; b = b[idSize:] {
		id, err := peer.IDFromBytes(b[:idSize])
		if err != nil {
			return fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		out = append(out, id)
	}
	*n = out
	return nil
}
