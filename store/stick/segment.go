package stick

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"iter"
)

// A segment is frames one after the other, as entries.log of a node: length (4 bytes, little endian), CRC-32C of length
// and bytes (4), the sealed entry.

const frameHead = 8

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendFrame adds an entry to a segment.
func appendFrame(b, entry []byte) []byte {
	at := len(b)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(entry)))
	sum := crc32.Update(crc32.Checksum(b[at:], castagnoli), castagnoli, entry)
	b = binary.LittleEndian.AppendUint32(b, sum)
	return append(b, entry...)
}

// frameIn returns the entry of the frame that b begins with, nil when it is not one.
func frameIn(b []byte) []byte {
	if len(b) < frameHead {
		return nil
	}
	n := binary.LittleEndian.Uint32(b)
	if n == 0 || n > MaxEntry || int(n) > len(b)-frameHead {
		return nil
	}
	entry := b[frameHead : frameHead+n]
	sum := crc32.Update(crc32.Checksum(b[:4], castagnoli), castagnoli, entry)
	if sum != binary.LittleEndian.Uint32(b[4:]) {
		return nil
	}
	return entry
}

// maxSearched bounds the bytes that are summed to find the next frame after damage.
const maxSearched = 1 << 30

// frames gives the entries of a segment. Behind what is no frame the next one is searched byte by byte; good is false when
// there was such a place.
func frames(b []byte, yield func([]byte) bool) (good, more bool) {
	good = true
	for searched := 0; len(b) > 0 && searched < maxSearched; {
		entry := frameIn(b)
		if entry == nil {
			good = false
			if len(b) >= 4 {
				if n := binary.LittleEndian.Uint32(b); n <= MaxEntry {
					searched += int(n)
				}
			}
			b = b[1:]
			continue
		}
		if !yield(entry) {
			return good, false
		}
		b = b[frameHead+len(entry):]
	}
	return good && len(b) == 0, true
}

// Entries gives the sealed entries of all segments, the oldest segment first, each at most MaxEntry bytes. They are
// as they were written, which says nothing about their signatures, and valid until the next one is asked for. An error is
// about a segment, or a part of it: what can still be read of it, and the next ones, follow.
func (s *Stick) Entries() iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for _, g := range s.manifest.Segments {
			b, err := readNamed(s.root, g.path(), g.Size, g.Name)
			if err != nil && !yield(nil, fmt.Errorf("entries: %w", err)) {
				return
			}
			if _, more := frames(b, func(e []byte) bool { return yield(e, nil) }); !more {
				return
			}
		}
	}
}
