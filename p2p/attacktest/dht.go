package attacktest

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"math/bits"
	"time"

	"github.com/ipfs/go-cid"
	pb "github.com/libp2p/go-libp2p-kad-dht/pb"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	ma "github.com/multiformats/go-multiaddr"
	mh "github.com/multiformats/go-multihash"
	"google.golang.org/protobuf/proto"
)

const kadProtocol = protocol.ID("/savoirs/kad/1.0.0")

// ProviderRecords says, as n peers, that it holds the item of the target and thousands of others, at addresses where
// nobody is.
func ProviderRecords(ctx context.Context, t Target, n int) error {
	return hands(ctx, n, func(ctx context.Context) error {
		return intrude(ctx, t, func(h host.Host) error {
			s, err := newStream(ctx, h, t, kadProtocol)
			if err != nil {
				return err
			}
			defer s.Reset()
			key := t.Root.Hash()
			for ctx.Err() == nil {
				m := pb.NewMessage(pb.Message_ADD_PROVIDER, key, 0)
				m.ProviderPeers = []*pb.Message_Peer{{Id: []byte(h.ID()), Addrs: absurd()}}
				if err := send(s, m); err != nil {
					return err
				}
				if key, err = mh.Sum(random(16), mh.SHA2_256, -1); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// absurd are addresses that lead nowhere: tests send nothing there, as they cannot be dialled from where they run.
func absurd() [][]byte {
	var addrs [][]byte
	for i := range 20 {
		addrs = append(addrs, ma.StringCast("/ip4/0.0.0.0/tcp/1").Bytes(), ma.StringCast("/dns4/nobody.invalid/tcp/4117").Bytes(),
			ma.StringCast("/ip6/::/udp/"+string(rune('1'+i%9))+"/quic-v1").Bytes())
	}
	return addrs
}

func send(s network.Stream, m *pb.Message) error {
	b, err := proto.Marshal(m)
	if err != nil {
		return err
	}
	s.SetWriteDeadline(time.Now().Add(5 * time.Second))
	_, err = s.Write(append(binary.AppendUvarint(nil, uint64(len(b))), b...))
	return err
}

// Sybils makes n peers whose places in the DHT are nearer to root than any that was not made for it, connects them to the
// target and answers every look-up with their own names: as the nearest, and as holders. Close ends them.
func Sybils(ctx context.Context, t Target, n int, listen string) (sybils []host.Host, err error) {
	defer func() {
		if err != nil {
			Close(sybils)
		}
	}()
	for range n {
		key, err := nearKey(t.Root)
		if err != nil {
			return sybils, err
		}
		h, err := newPeer(key, listen)
		if err != nil {
			return sybils, err
		}
		sybils = append(sybils, h)
	}
	var all []*pb.Message_Peer
	for _, h := range sybils {
		p := &pb.Message_Peer{Id: []byte(h.ID()), Connection: pb.Message_CONNECTED}
		for _, a := range h.Addrs() {
			p.Addrs = append(p.Addrs, a.Bytes())
		}
		all = append(all, p)
	}
	for _, h := range sybils {
		h.SetStreamHandler(kadProtocol, func(s network.Stream) { answerLookups(s, all) })
		if err := h.Connect(ctx, t.AddrInfo); err != nil {
			return sybils, err
		}
	}
	return sybils, nil
}

// Close ends peers.
func Close(peers []host.Host) {
	for _, h := range peers {
		h.Close()
	}
}

// nearKey tries keys until one is near to root: a few hundred, which takes a moment.
func nearKey(root cid.Cid) (crypto.PrivKey, error) {
	want := sha256.Sum256(root.Hash())
	for {
		key, err := NewKey()
		if err != nil {
			return nil, err
		}
		id, err := peer.IDFromPrivateKey(key)
		if err != nil {
			return nil, err
		}
		at := sha256.Sum256([]byte(id))
		if bits.LeadingZeros8(at[0]^want[0]) >= 7 {
			return key, nil
		}
	}
}

func answerLookups(s network.Stream, all []*pb.Message_Peer) {
	defer s.Close()
	r := newVarintReader(s)
	for {
		b, err := r.next(64 << 10)
		if err != nil {
			return
		}
		var q pb.Message
		if proto.Unmarshal(b, &q) != nil {
			return
		}
		if q.Type == pb.Message_ADD_PROVIDER {
			continue // kept by nobody
		}
		a := pb.NewMessage(q.Type, q.Key, 0)
		a.CloserPeers = all
		if q.Type == pb.Message_GET_PROVIDERS {
			a.ProviderPeers = all
		}
		if send(s, a) != nil {
			return
		}
	}
}

type varintReader struct {
	io.Reader
	one [1]byte
}

func newVarintReader(r io.Reader) *varintReader { return &varintReader{Reader: r} }

// ReadByte reads one byte, without reading ahead.
func (r *varintReader) ReadByte() (byte, error) {
	_, err := io.ReadFull(r.Reader, r.one[:])
	return r.one[0], err
}

func (r *varintReader) next(max uint64) ([]byte, error) {
	n, err := binary.ReadUvarint(r)
	if err != nil || n > max {
		return nil, io.ErrUnexpectedEOF
	}
	b := make([]byte, n)
	_, err = io.ReadFull(r, b)
	return b, err
}
