package stick

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/ipfs/boxo/verifcid"
	"github.com/ipfs/go-cid"
)

// index tells what is in a pack and where. Its bytes are those of the CAR without the data of the blocks: the header
// of the CAR with its length, then of each section the length and the CID. Their SHA-256 is the name of the pack, so
// that an index proves itself, and is made again from the pack when it is lost.
type index struct {
	raw []byte
	at  []uint32 // where each block begins in raw; one more: its end
	off []uint32 // where each section begins in the CAR; one more: its size
}

func (x *index) len() int     { return len(x.at) - 1 }
func (x *index) name() Sum    { return sha256.Sum256(x.raw) }
func (x *index) size() int64  { return int64(x.off[x.len()]) } // of the CAR
func (x *index) head() []byte { return x.raw[:x.at[0]] }       // of the CAR

// section is what stands before the data of a block in the CAR.
func (x *index) section(i int) []byte { return x.raw[x.at[i]:x.at[i+1]] }

// bytes of a block, and where they begin in the CAR.
func (x *index) data(i int) (off int64, size int) {
	head := x.at[i+1] - x.at[i]
	return int64(x.off[i] + head), int(x.off[i+1] - x.off[i] - head)
}

func (x *index) cid(i int) cid.Cid {
	s := x.section(i)
	_, n := binary.Uvarint(s)
	_, c, err := cid.CidFromBytes(s[n:])
	if err != nil {
		return cid.Undef // not possible: it was read before
	}
	return c
}

// pack is the index as the MANIFEST names it.
func (x *index) pack() Pack {
	return Pack{Name: x.name(), Size: x.size(), Index: int64(len(x.raw)), Blocks: x.len()}
}

// parseIndex reads an index and keeps raw. ErrMalformed when it breaks a limit.
func parseIndex(raw []byte) (*index, error) {
	if len(raw) > maxIndex {
		return nil, fmt.Errorf("%w: index of %d bytes", ErrMalformed, len(raw))
	}
	head, err := headerIn(raw)
	if err != nil {
		return nil, err
	}
	x := &index{raw: raw, at: []uint32{uint32(head)}, off: []uint32{uint32(head)}}
	for at := head; at < len(raw); {
		n, size, err := sectionIn(raw[at:])
		if err != nil {
			return nil, err
		}
		if err := x.add(n, size); err != nil {
			return nil, err
		}
		at += n
	}
	if x.len() == 0 {
		return nil, fmt.Errorf("%w: index of nothing", ErrMalformed)
	}
	return x, nil
}

// add takes n bytes more of raw for a section whose data have size bytes.
func (x *index) add(n, size int) error {
	end := int64(x.off[x.len()]) + int64(n) + int64(size)
	if end > MaxPack || x.len() == MaxPackBlocks {
		return fmt.Errorf("%w: pack of more than %d bytes or %d blocks", ErrMalformed, MaxPack, MaxPackBlocks)
	}
	x.at = append(x.at, x.at[x.len()]+uint32(n))
	x.off = append(x.off, uint32(end))
	return nil
}

// sectionIn reads the length and the CID that b begins with: how many bytes both have, and the data that follow in a CAR.
func sectionIn(b []byte) (n, size int, err error) {
	total, used := binary.Uvarint(b)
	if used <= 0 || used != len(binary.AppendUvarint(nil, total)) || total > MaxBlock+maxCid {
		return 0, 0, fmt.Errorf("%w: length of a section", ErrMalformed)
	}
	cidSize, c, err := cid.CidFromBytes(b[used:])
	if err != nil {
		return 0, 0, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if err := checkCid(c); err != nil {
		return 0, 0, err
	}
	size = int(total) - cidSize
	if size < 0 || size > MaxBlock {
		return 0, 0, fmt.Errorf("%w: block of %d bytes", ErrMalformed, size)
	}
	return used + cidSize, size, nil
}

// checkCid refuses names of blocks that prove nothing.
func checkCid(c cid.Cid) error {
	if !c.Defined() || c.ByteLen() > maxCid || c.Prefix().MhType == 0 {
		return fmt.Errorf("%w: CID %s", ErrMalformed, c)
	}
	if err := verifcid.ValidateCid(verifcid.DefaultAllowlist, c); err != nil {
		return fmt.Errorf("%w: CID %s: %w", ErrMalformed, c, err)
	}
	return nil
}

const headerEnd = "\x67version\x01"

// header is that of a CARv1 with these roots, in its one deterministic spelling, with its length.
func header(roots []cid.Cid) []byte {
	b := append([]byte("\xa2\x65roots"), cborHead(0x80, len(roots))...)
	for _, c := range roots {
		b = append(b, 0xd8, 0x2a)
		b = append(b, cborHead(0x40, c.ByteLen()+1)...)
		b = append(append(b, 0), c.Bytes()...)
	}
	b = append(b, headerEnd...)
	return append(binary.AppendUvarint(nil, uint64(len(b))), b...)
}

// cborHead is how CBOR begins something of a length.
func cborHead(major byte, n int) []byte {
	switch {
	case n < 24:
		return []byte{major | byte(n)}
	case n < 1<<8:
		return []byte{major | 24, byte(n)}
	}
	return []byte{major | 25, byte(n >> 8), byte(n)}
}

// headerIn tells how long the header is that b begins with, its length included. One spelling is accepted.
func headerIn(b []byte) (int, error) {
	malformed := fmt.Errorf("%w: header of a CAR", ErrMalformed)
	size, used := binary.Uvarint(b)
	if used <= 0 || size > maxHeader || uint64(len(b)-used) < size {
		return 0, malformed
	}
	all := b[:used+int(size)]
	list, ok := bytes.CutPrefix(all[used:], []byte("\xa2\x65roots"))
	if !ok {
		return 0, malformed
	}
	var roots []cid.Cid
	for list = list[min(len(list), arrayHead(list)):]; bytes.HasPrefix(list, []byte{0xd8, 0x2a, 0x58}) && len(list) > 5; {
		n := int(list[3])
		if n == 0 || len(list) < 4+n {
			return 0, malformed
		}
		used, c, err := cid.CidFromBytes(list[5 : 4+n])
		if err != nil || used != n-1 {
			return 0, malformed
		}
		roots, list = append(roots, c), list[4+n:]
	}
	if !bytes.Equal(header(roots), all) {
		return 0, malformed
	}
	return len(all), nil
}

// arrayHead is how many bytes the head of an array has, of those that header writes.
func arrayHead(b []byte) int {
	switch {
	case len(b) > 0 && b[0] == 0x98:
		return 2
	case len(b) > 0 && b[0] == 0x99:
		return 3
	}
	return 1
}
