package attacktest

import (
	"context"
	"encoding/binary"
	"io"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/ipfs/boxo/bitswap/message"
	blocks "github.com/ipfs/go-block-format"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// patience is how long a liar waits before it looks again.
const patience = time.Second

// Liar makes h say that it holds everything, and answer each question for root with a block that is not what was asked
// for: section, behind the header of a CAR. It writes as slowly as pause says.
func Liar(h host.Host, header, section []byte, pause time.Duration) {
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
	h.SetStreamHandler(carProtocol, func(s network.Stream) {
		defer s.Close()
		go io.Copy(io.Discard, s)
		if _, err := s.Write(header); err != nil {
			return
		}
		for range 16 {
			rest(context.Background(), pause)
			if _, err := s.Write(binary.AppendUvarint(nil, uint64(len(section)))); err != nil {
				return
			}
			if _, err := s.Write(section); err != nil {
				return
			}
		}
	})
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
