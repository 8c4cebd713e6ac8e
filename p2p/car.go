package p2p

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/ipfs/go-cid"
	pool "github.com/libp2p/go-buffer-pool"
)

// CARv1: header (varint length, dag-cbor map), then for each block a section: varint length of what follows, CID, bytes.

// maxLengthBytes is how long the varint of a section's length can be: 4 MiB need 23 bits.
const maxLengthBytes = 4

// carHeader is the one header that a CARv1 with that root can have: dag-cbor allows no second spelling.
func carHeader(root cid.Cid) []byte {
	c := append([]byte{0}, root.Bytes()...)                            // dag-cbor: a CID is its bytes behind a zero …
	h := append([]byte("\xa2\x65roots\x81\xd8\x2a\x58"), byte(len(c))) // … as a byte string with tag 42
	h = append(h, c...)
	h = append(h, "\x67version\x01"...)
	return append(binary.AppendUvarint(nil, uint64(len(h))), h...)
}

// sectionHead is what stands before the bytes of a block.
func sectionHead(c cid.Cid, n int) []byte {
	head := binary.AppendUvarint(make([]byte, 0, maxLengthBytes+maxCIDSize), uint64(c.ByteLen()+n))
	return append(head, c.KeyString()...)
}

// section is one block of a CAR. Its bytes are from the pool, and belong to whoever has the section.
type section struct {
	cid  cid.Cid
	data []byte
}

// carReader reads the answer to one request, trusting nothing. It does not check hashes, nor what was asked for.
type carReader struct {
	r    *bufio.Reader
	root cid.Cid
	head bool // the header was read
}

// next returns the next section. It returns io.EOF at the end, which is between two sections, an error wrapping errLie
// for what is no CAR with that root or holds a block beyond maxBlock, and any other error for a stream that broke.
func (c *carReader) next() (section, error) {
	if !c.head {
		if err := c.readHeader(); err != nil {
			return section{}, err
		}
		c.head = true
	}
	n, err := c.readLength()
	if err != nil {
		return section{}, err
	}
	id, err := c.readCID(n)
	if err != nil {
		return section{}, err
	}
	s := section{cid: id, data: pool.Get(n - id.ByteLen())}
	if _, err := io.ReadFull(c.r, s.data); err != nil {
		pool.Put(s.data)
		return section{}, broken(err)
	}
	return s, nil
}

// readCID reads the CID at the beginning of a section of n bytes.
func (c *carReader) readCID(n int) (cid.Cid, error) {
	head, err := c.r.Peek(min(n, maxCIDSize))
	if err != nil {
		return cid.Undef, broken(err)
	}
	at, id, err := cid.CidFromBytes(head)
	if err != nil {
		return cid.Undef, fmt.Errorf("%w: no CID: %w", errLie, err)
	}
	_, err = c.r.Discard(at)
	return id, err
}

func (c *carReader) readHeader() error {
	want := carHeader(c.root)
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c.r, got); err != nil {
		return broken(err)
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("%w: another header", errLie)
	}
	return nil
}

// readLength reads the length of a section: io.EOF is the end of the stream, and only in front of a section.
func (c *carReader) readLength() (int, error) {
	if _, err := c.r.Peek(1); err != nil {
		return 0, err
	}
	var n int
	for i := range maxLengthBytes {
		b, err := c.r.ReadByte()
		if err != nil {
			return 0, broken(err)
		}
		n |= int(b&0x7f) << (7 * i)
		if b < 0x80 {
			if n == 0 || n > maxBlock+maxCIDSize {
				return 0, fmt.Errorf("%w: a block of %d bytes", errLie, n)
			}
			return n, nil
		}
	}
	return 0, fmt.Errorf("%w: a length without end", errLie)
}

// broken makes an end that comes too early an error.
func broken(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
