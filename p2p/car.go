package p2p

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/network"
)

// Bulk is one stream of protocol /savoirs/car/1. The caller sends a frame with a wantList in CBOR and closes its side.
// The answer is a CARv1 whose root is wantList.Root and whose blocks are those of wantList.Want that the answering side
// has, in that order; what it has not is left out. So the caller never needs to tell what it has already, and what
// comes can be checked block by block, with no memory of the rest.
//
// CARv1: header (varint length, dag-cbor map), then for each block: varint length of what follows, CID, bytes.

const (
	protoCAR      = protoPrefix + "car/1"
	maxWant       = 1024      // CIDs in one wantList
	maxWantSize   = 128 << 10 // bytes of an encoded wantList
	maxCIDSize    = 100       // bytes of a binary CID
	carPerPeer    = 16        // streams served at once for one peer
	carTime       = time.Hour // for one stream; a wantList is far less than an hour of the slowest link
	carBlockTime  = 2 * time.Minute
	carBufferSize = 64 << 10
	// maxLengthBytes is how long the varint of a section's length can be: 4 MiB need 23 bits.
	maxLengthBytes = 4
)

type wantList struct {
	Root cid.Cid   `cbor:"root"`
	Want []cid.Cid `cbor:"want"`
}

// serveCAR gives anyone what is in Options.Blocks.
func (m *Mesh) serveCAR() {
	m.serve(protoCAR, carPerPeer, carTime, func(ctx context.Context, s network.Stream) {
		s.SetReadDeadline(time.Now().Add(10 * time.Second))
		want, err := readWantList(bufio.NewReader(s))
		if err != nil {
			s.ResetWithError(network.StreamProtocolViolation)
			return
		}
		if err := m.sendBlocks(ctx, s, want); err != nil {
			m.log.Debug("send blocks", "peer", s.Conn().RemotePeer(), "root", want.Root, "err", err)
			s.Reset()
		}
	})
}

func readWantList(r *bufio.Reader) (wantList, error) {
	var want wantList
	body, err := readFrame(r, maxWantSize)
	if err != nil {
		return want, err
	}
	if err := decode(body, &want); err != nil {
		return want, err
	}
	if len(want.Want) > maxWant {
		return want, fmt.Errorf("%w: %d blocks wanted, at most %d", errMalformed, len(want.Want), maxWant)
	}
	for _, c := range append([]cid.Cid{want.Root}, want.Want...) {
		if err := checkCID(c); err != nil {
			return want, err
		}
		if inline(c) || c.ByteLen() > maxCIDSize {
			return want, fmt.Errorf("%w: %s", errMalformed, c)
		}
	}
	return want, nil
}

// sendBlocks writes the CAR. A block that cannot be read is left out, whatever the reason: another holder may have it.
func (m *Mesh) sendBlocks(ctx context.Context, s network.Stream, want wantList) error {
	w := bufio.NewWriterSize(m.paced(ctx, s), carBufferSize)
	if _, err := w.Write(carHeader(want.Root)); err != nil {
		return err
	}
	for _, c := range want.Want {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		b, err := m.opts.Blocks.Get(ctx, c)
		if err != nil || len(b.RawData()) > maxBlock {
			continue
		}
		s.SetWriteDeadline(time.Now().Add(carBlockTime))
		if err := writeSection(w, c, b.RawData()); err != nil {
			return err
		}
	}
	return w.Flush()
}

func writeSection(w *bufio.Writer, c cid.Cid, data []byte) error {
	head := binary.AppendUvarint(nil, uint64(c.ByteLen()+len(data)))
	if _, err := w.Write(append(head, c.Bytes()...)); err != nil {
		return err
	}
	_, err := w.Write(data)
	return err
}

// carHeader is the one header that a CARv1 with that root can have: dag-cbor allows no second spelling.
func carHeader(root cid.Cid) []byte {
	c := append([]byte{0}, root.Bytes()...)                            // dag-cbor: a CID is its bytes behind a zero …
	h := append([]byte("\xa2\x65roots\x81\xd8\x2a\x58"), byte(len(c))) // … as a byte string with tag 42
	h = append(h, c...)
	h = append(h, "\x67version\x01"...)
	return append(binary.AppendUvarint(nil, uint64(len(h))), h...)
}

// carReader reads the answer to one wantList, trusting nothing.
type carReader struct {
	r    *bufio.Reader
	root cid.Cid
	want []cid.Cid // not yet read or passed over
	head bool      // the header was read
}

// next returns the next block, which is one of those wanted, in order, with the right hash. It returns io.EOF at the end
// or when nothing more is wanted, an error wrapping errLie for what an honest peer would not send, and any other error
// for a stream that broke.
func (c *carReader) next() (blocks.Block, error) {
	if !c.head {
		if err := c.readHeader(); err != nil {
			return nil, err
		}
		c.head = true
	}
	if len(c.want) == 0 {
		return nil, io.EOF
	}
	n, err := c.readLength()
	if err != nil {
		return nil, err
	}
	section := make([]byte, n)
	if _, err := io.ReadFull(c.r, section); err != nil {
		return nil, broken(err)
	}
	return c.check(section)
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

func (c *carReader) check(section []byte) (blocks.Block, error) {
	n, id, err := cid.CidFromBytes(section)
	if err != nil {
		return nil, fmt.Errorf("%w: no CID: %w", errLie, err)
	}
	data := section[n:]
	for len(c.want) > 0 && !c.want[0].Equals(id) {
		c.want = c.want[1:]
	}
	if len(c.want) == 0 {
		return nil, wrongBlock(Unasked, protoCAR, id, data)
	}
	c.want = c.want[1:]
	if len(data) > maxBlock {
		return nil, wrongBlock(WrongBytes, protoCAR, id, data) // longer than any block we ask for
	}
	sum, err := id.Prefix().Sum(data)
	if err != nil || !sum.Equals(id) {
		return nil, wrongBlock(WrongBytes, protoCAR, id, data)
	}
	return blocks.NewBlockWithCid(data, id)
}

// readLength reads the length of a section: io.EOF is the end of the stream, and only in front of a section.
func (c *carReader) readLength() (uint64, error) {
	if _, err := c.r.Peek(1); err != nil {
		return 0, err
	}
	var n uint64
	for i := 0; i < maxLengthBytes; i++ {
		b, err := c.r.ReadByte()
		if err != nil {
			return 0, broken(err)
		}
		n |= uint64(b&0x7f) << (7 * i)
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
