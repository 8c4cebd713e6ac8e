package attacktest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/fxamacker/cbor/v2"
	pubsub "github.com/libp2p/go-libp2p-pubsub"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"google.golang.org/protobuf/proto"
)

const topic = "/savoirs/heads/1"

// Gossip sends, as n peers, whatever gossip knows, and too much of it: messages with bad signatures, validly signed ones
// without sense, huge ones, claims to have messages that do not exist, requests, and grafts without end.
func Gossip(ctx context.Context, t Target, n int) error {
	return hands(ctx, n, func(ctx context.Context) error {
		return shout(ctx, t, func(key crypto.PrivKey) ([]*pb.RPC, error) {
			sense, err := signed(key, random(200))
			if err != nil {
				return nil, err
			}
			bad, err := signed(key, random(200))
			if err != nil {
				return nil, err
			}
			bad.Signature = random(64)
			huge, err := signed(key, random(64<<10))
			if err != nil {
				return nil, err
			}
			subject, claims := topic, &pb.ControlIHave{}
			claims.TopicID = &subject
			for range 200 {
				claims.MessageIDs = append(claims.MessageIDs, string(random(32)))
			}
			graft := &pb.ControlMessage{Graft: []*pb.ControlGraft{{TopicID: &subject}}}
			return []*pb.RPC{
				{Publish: []*pb.Message{bad}}, {Publish: []*pb.Message{sense}}, {Publish: []*pb.Message{huge}},
				{Control: &pb.ControlMessage{Ihave: []*pb.ControlIHave{claims}}},
				{Control: &pb.ControlMessage{Iwant: []*pb.ControlIWant{{MessageIDs: claims.MessageIDs}}}},
				{Control: graft}, {Control: &pb.ControlMessage{Prune: []*pb.ControlPrune{{TopicID: &subject}}}},
			}, nil
		})
	})
}

// Heads tells, as n peers, of the newest entry of author after author, each validly signed and none of which exists.
func Heads(ctx context.Context, t Target, n int) error {
	return hands(ctx, n, func(ctx context.Context) error {
		return shout(ctx, t, inventedHeads)
	})
}

func inventedHeads(key crypto.PrivKey) ([]*pb.RPC, error) {
	head, err := InventedHead()
	if err != nil {
		return nil, err
	}
	m, err := signed(key, head)
	return []*pb.RPC{{Publish: []*pb.Message{m}}}, err
}

// Tell says one head to p, to which h is connected.
func Tell(ctx context.Context, h host.Host, p peer.ID, head []byte) error {
	s, err := h.NewStream(ctx, p, pubsub.GossipSubID_v11)
	if err != nil {
		return err
	}
	m, err := signed(h.Peerstore().PrivKey(h.ID()), head)
	if err != nil {
		return err
	}
	b, err := proto.Marshal(&pb.RPC{Publish: []*pb.Message{m}})
	if err != nil {
		return err
	}
	_, err = s.Write(append(binary.AppendUvarint(nil, uint64(len(b))), b...))
	return err
}

// shout speaks as a fresh peer.
func shout(ctx context.Context, t Target, say func(crypto.PrivKey) ([]*pb.RPC, error)) error {
	return intrude(ctx, t, func(h host.Host) error { return speak(ctx, h, t, say) })
}

// speak writes to the gossip stream what say gives for the identity of h, again and again.
func speak(ctx context.Context, h host.Host, t Target, say func(crypto.PrivKey) ([]*pb.RPC, error)) error {
	s, err := newStream(ctx, h, t, pubsub.GossipSubID_v11)
	if err != nil {
		return err
	}
	defer s.Reset()
	subject, yes := topic, true
	rpcs := []*pb.RPC{{Subscriptions: []*pb.RPC_SubOpts{{Subscribe: &yes, Topicid: &subject}}}}
	for ctx.Err() == nil {
		for _, rpc := range rpcs {
			b, err := proto.Marshal(rpc)
			if err != nil {
				return err
			}
			s.SetWriteDeadline(time.Now().Add(5 * time.Second))
			if _, err := s.Write(append(binary.AppendUvarint(nil, uint64(len(b))), b...)); err != nil {
				return err
			}
		}
		if rpcs, err = say(h.Peerstore().PrivKey(h.ID())); err != nil {
			return err
		}
	}
	return nil
}

// signed is a gossip message that is valid as such.
func signed(key crypto.PrivKey, data []byte) (*pb.Message, error) {
	from, err := peer.IDFromPrivateKey(key)
	if err != nil {
		return nil, err
	}
	subject := topic
	m := &pb.Message{Data: data, Topic: &subject, From: []byte(from), Seqno: random(8)}
	b, err := proto.Marshal(m)
	if err != nil {
		return nil, err
	}
	m.Signature, err = key.Sign(append([]byte(pubsub.SignPrefix), b...))
	return m, err
}

// InventedHead is a valid one, by an author who never said anything.
func InventedHead() ([]byte, error) {
	key, err := NewKey()
	if err != nil {
		return nil, err
	}
	return head(key, key)
}

// ForgedHead is the head of the author of key, signed by somebody else.
func ForgedHead(key crypto.PrivKey) ([]byte, error) {
	other, err := NewKey()
	if err != nil {
		return nil, err
	}
	return head(key, other)
}

// head is what a node announces.
func head(author, signer crypto.PrivKey) ([]byte, error) {
	id, err := peer.IDFromPrivateKey(author)
	if err != nil {
		return nil, err
	}
	h := struct {
		Author []byte
		Seq    uint64
		Hash   []byte
		Sig    []byte
	}{Author: []byte(id), Seq: 7, Hash: random(sha256.Size)}
	b, err := cbor.Marshal(h)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(b)
	if h.Sig, err = signer.Sign(append([]byte("savoirs-head:"), sum[:]...)); err != nil {
		return nil, err
	}
	return cbor.Marshal(h)
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}
