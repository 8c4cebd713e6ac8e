package p2p

import (
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
)

// silent is a stream to v on which h names no protocol.
func silent(t *testing.T, h host.Host, v *Mesh) (network.Stream, error) {
	t.Helper()
	return h.Network().NewStream(t.Context(), v.ID())
}

// streams counts those of one side that the other has not ended.
type streams struct{ open atomic.Int32 }

// hold keeps s open, for five seconds: negotiation has ten.
func (c *streams) hold(s network.Stream) {
	c.open.Add(1)
	s.SetReadDeadline(time.Now().Add(5 * time.Second))
	go func() {
		_, err := io.Copy(io.Discard, s)
		var late net.Error
		if !errors.As(err, &late) || !late.Timeout() {
			c.open.Add(-1)
		}
	}()
}

func TestOfStreamsBeforeAProtocolOnlySoManyAreOpenAndAFloodOfMoreIsSentAway(t *testing.T) {
	v := open(t, Options{})
	var held streams
	for range streamsAtOnce/bitswapStreams + 2 {
		h := guest(t, v)
		for range bitswapStreams {
			s, err := silent(t, h, v)
			if err != nil {
				t.Fatal(err)
			}
			held.hold(s)
		}
	}
	eventually(t, "streams beyond those served are ended", func() bool { return held.open.Load() <= streamsAtOnce })

	h := guest(t, v)
	flooding := time.Now()
	for h.Network().Connectedness(v.ID()) == network.Connected && time.Since(flooding) < 5*time.Second {
		if s, err := silent(t, h, v); err == nil {
			s.Reset()
		}
	}
	if h.Network().Connectedness(v.ID()) == network.Connected {
		t.Fatal("who floods is still here")
	}
	if err := h.Connect(t.Context(), info(v)); err == nil {
		eventually(t, "who flooded does not come back", func() bool { return len(v.host.Network().ConnsToPeer(h.ID())) == 0 })
	}
}

func TestOfOneForeignProtocolOnlySoManyStreamsAreOpen(t *testing.T) {
	v := open(t, Options{})
	foreign{Host: v.host, frames: &paces{perSecond: 100, burst: 100}}.SetStreamHandler("/test/1", func(s network.Stream) {
		io.Copy(io.Discard, s)
	})
	const each = 16 // of a peer are let in by the resource manager
	var held streams
	for range foreignAtOnce/each + 1 {
		h := guest(t, v)
		for range each {
			s, err := h.NewStream(t.Context(), v.ID(), "/test/1")
			if err != nil {
				t.Fatal(err)
			}
			held.hold(s)
			if _, err := s.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
		}
	}
	eventually(t, "streams beyond those served are ended", func() bool { return held.open.Load() <= foreignAtOnce })
}

func TestHeadsThatOneSendsTooFastAreDroppedBeforeTheyAreLookedAt(t *testing.T) {
	v := open(t, Options{})
	fast, other := guest(t, v), guest(t, v)
	inspect := v.paceGossip()
	heads := func(n int) *pubsub.RPC {
		return &pubsub.RPC{RPC: pb.RPC{Publish: make([]*pb.Message, n)}}
	}
	is(t, inspect(fast.ID(), heads(headsBurst)), nil)
	is(t, inspect(fast.ID(), heads(10*headsPerSecond)), errGossip)
	is(t, inspect(other.ID(), heads(headsBurst)), nil)
}
