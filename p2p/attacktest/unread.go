package attacktest

import (
	"context"
	"encoding/binary"

	"github.com/fxamacker/cbor/v2"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
)

const carProtocol = protocol.ID("/savoirs/car/2")

// UnreadAnswers asks, as n peers, for the item, for news and for whatever else is answered, and does not read.
func UnreadAnswers(ctx context.Context, t Target, n int) error {
	return hands(ctx, n, func(ctx context.Context) error {
		return intrude(ctx, t, func(h host.Host) error {
			return onEach(ctx, h, t, 8, func(s network.Stream) {
				if !familiar(s.Protocol()) {
					return
				}
				question, err := cbor.Marshal(map[string]any{"root": t.Root, "want": []cid.Cid{t.Root}, "bytes": 1 << 30})
				if err != nil {
					return
				}
				if _, err := s.Write(append(binary.AppendUvarint(nil, uint64(len(question))), question...)); err != nil {
					return
				}
				if s.Protocol() != carProtocol { // there it would mean that no more is wanted
					s.CloseWrite()
				}
				for ctx.Err() == nil && !s.Conn().IsClosed() {
					rest(ctx, patience)
				}
			})
		})
	})
}
