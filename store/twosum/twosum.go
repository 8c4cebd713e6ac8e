// Package twosum computes two SHA-256 sums at once. The SHA instructions of amd64 take four cycles for two rounds, of which
// a processor needs but two: the rounds of a second message fit between those of a first, and a core hashes up to
// twice as many bytes in a second. Where there are no such instructions it is crypto/sha256.
//
//	x, y := twosum.Sum(p, q)
package twosum

import (
	"crypto/sha256"
	"encoding"
	"encoding/binary"
)

// Sum returns the sums of p and of q. It saves most when both are of one length, and nothing when one is empty.
func Sum(p, q []byte) (x, y [sha256.Size]byte) {
	blocks := min(len(p), len(q)) / sha256.BlockSize
	if !atOnce || blocks == 0 {
		return sha256.Sum256(p), sha256.Sum256(q)
	}
	a, b := initial, initial
	hashBlocks(&a, &b, &p[0], &q[0], blocks)
	return finish(a, p, blocks), finish(b, q, blocks)
}

// state is a chaining value in the order in which the instructions want it.
type state [8]uint32

// order says where the words a … h stand in a state.
var order = [8]int{3, 2, 7, 6, 1, 0, 5, 4}

// initial is the chaining value of FIPS 180-4, 5.3.3.
var initial = state{0x9b05688c, 0x510e527f, 0xbb67ae85, 0x6a09e667, 0x5be0cd19, 0x1f83d9ab, 0xa54ff53a, 0x3c6ef372}

// finish goes on with crypto/sha256 after the first blocks of data.
func finish(s state, data []byte, blocks int) (sum [sha256.Size]byte) {
	done := blocks * sha256.BlockSize
	saved := []byte("sha\x03") // what MarshalBinary writes: words, a block that is begun, bytes so far
	for _, at := range order {
		saved = binary.BigEndian.AppendUint32(saved, s[at])
	}
	saved = append(saved, make([]byte, sha256.BlockSize)...)
	saved = binary.BigEndian.AppendUint64(saved, uint64(done))
	h := sha256.New()
	if err := h.(encoding.BinaryUnmarshaler).UnmarshalBinary(saved); err != nil {
		panic(err) // the format is fixed: Go reads what older releases wrote
	}
	h.Write(data[done:])
	h.Sum(sum[:0])
	return sum
}
