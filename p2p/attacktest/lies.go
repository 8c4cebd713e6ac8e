package attacktest

import (
	"context"
	"encoding/binary"
	"io"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/ipfs/boxo/bitswap/message"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// patience is how long a liar waits before it looks again.
const patience = time.Second

// Liar makes h say that it holds everything, and answer each request for root with bytes that are not its own, after
// waiting for pause before each.
func Liar(h host.Host, root cid.Cid, pause time.Duration) {
	holdAll(h)
	h.SetStreamHandler(carProtocol, func(s network.Stream) {
		defer s.Close()
		go io.Copy(io.Discard, s) // ends with the stream
		if _, err := s.Write(carHeader(root)); err != nil {
			return
		}
		for n := range 16 {
			rest(context.Background(), pause)
			section := append(root.Bytes(), random(1000+n)...)
			if _, err := s.Write(append(binary.AppendUvarint(nil, uint64(len(section))), section...)); err != nil {
				return
			}
		}
	})
}

// holdAll makes h say that it holds everything.
func holdAll(h host.Host) {
	h.SetStreamHandler("/savoirs/holds/1", func(s network.Stream) {
		defer s.Close()
		if _, err := io.Copy(io.Discard, s); err != nil {
			return
		}
		yes, err := cbor.Marshal(map[string]any{"held": []bool{true}})
		if err == nil {
			s.Write(append(binary.AppendUvarint([]byte{0}, uint64(len(yes))), yes...))
		}
	})
}

// wrongBlocks is how many blocks a liar sends in an answer.
const wrongBlocks = 10_000

// Liars says, as n peers, that it holds everything, and answers each request with wrong blocks: those that were asked for,
// with other bytes, again and again.
func Liars(ctx context.Context, t Target, n int) error {
	return hands(ctx, n, func(ctx context.Context) error {
		lie := func(h host.Host) {
			holdAll(h)
			h.SetStreamHandler(carProtocol, func(s network.Stream) {
				defer s.Close()
				q, err := readRequest(s)
				if err != nil {
					return
				}
				for i := range wrongBlocks {
					s.SetWriteDeadline(time.Now().Add(5 * time.Second))
					if writeSection(s, q.Want[i%len(q.Want)], random(16<<10)) != nil {
						return
					}
				}
			})
		}
		return appear(ctx, t, lie, func(h host.Host) error { return stay(ctx, h, t) })
	})
}

// request is what a holder is asked.
type request struct {
	Root cid.Cid   `cbor:"root"`
	Want []cid.Cid `cbor:"want"`
}

// readRequest reads one, and begins the answer.
func readRequest(s network.Stream) (q request, err error) {
	if err = readQuestion(s, &q); err == nil && len(q.Want) == 0 {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return q, err
	}
	go io.Copy(io.Discard, s) // ends with the stream
	_, err = s.Write(carHeader(q.Root))
	return q, err
}

func writeSection(w io.Writer, c cid.Cid, data []byte) error {
	section := append(binary.AppendUvarint(nil, uint64(c.ByteLen()+len(data))), c.Bytes()...)
	_, err := w.Write(append(section, data...))
	return err
}

// carHeader is that of a CARv1 with one root, in dag-cbor.
func carHeader(root cid.Cid) []byte {
	link := append([]byte{0}, root.Bytes()...)
	h := append([]byte("\xa2\x65roots\x81\xd8\x2a\x58"), byte(len(link)))
	h = append(append(h, link...), "\x67version\x01"...)
	return append(binary.AppendUvarint(nil, uint64(len(h))), h...)
}

const bitswapProtocol = protocol.ID("/ipfs/bitswap/1.2.0")

// UnaskedBlocks sends, as n peers, block after block over bitswap that nobody asked for.
func UnaskedBlocks(ctx context.Context, t Target, n int) error {
	return hands(ctx, n, func(ctx context.Context) error {
		return intrude(ctx, t, func(h host.Host) error {
			s, err := newStream(ctx, h, t, bitswapProtocol)
			if err != nil {
				return err
			}
			defer s.Reset()
			for ctx.Err() == nil {
				m := message.New(false)
				for range 4 {
					m.AddBlock(blocks.NewBlock(random(256 << 10)))
				}
				s.SetWriteDeadline(time.Now().Add(5 * time.Second))
				if err := m.ToNetV1(s); err != nil {
					return err
				}
			}
			return nil
		})
	})
}
