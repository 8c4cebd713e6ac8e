package p2p

import (
	"context"
	"net"
	"sync"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/core/sec"
	tptu "github.com/libp2p/go-libp2p/p2p/net/upgrader"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
)

// keyedNoise is libp2p's Noise with the mesh key in the prologue: where the keys differ the handshake fails. In an open mesh
// it is plain Noise, which any libp2p node speaks.
type keyedNoise struct {
	*noise.Transport
	circle *circle
}

// newKeyedNoise is for libp2p.Security, which gives the function it returns what it asks for.
func newKeyedNoise(c *circle) func(protocol.ID, crypto.PrivKey, []tptu.StreamMuxer) (*keyedNoise, error) {
	return func(id protocol.ID, key crypto.PrivKey, muxers []tptu.StreamMuxer) (*keyedNoise, error) {
		t, err := noise.New(id, key, muxers)
		return &keyedNoise{Transport: t, circle: c}, err
	}
}

// SecureInbound answers a handshake; p may be empty.
func (t *keyedNoise) SecureInbound(ctx context.Context, c net.Conn, p peer.ID) (sec.SecureConn, error) {
	return t.secure(func(s sec.SecureTransport) (sec.SecureConn, error) { return s.SecureInbound(ctx, c, p) })
}

// SecureOutbound begins a handshake with p.
func (t *keyedNoise) SecureOutbound(ctx context.Context, c net.Conn, p peer.ID) (sec.SecureConn, error) {
	return t.secure(func(s sec.SecureTransport) (sec.SecureConn, error) { return s.SecureOutbound(ctx, c, p) })
}

func (t *keyedNoise) secure(handshake func(sec.SecureTransport) (sec.SecureConn, error)) (sec.SecureConn, error) {
	key := t.circle.key()
	var with sec.SecureTransport = t.Transport
	if key.Closed() {
		session, err := t.WithSessionOptions(noise.Prologue(key.prove("noise", nil)))
		if err != nil {
			return nil, err
		}
		with = session
	}
	s, err := handshake(with)
	if err != nil {
		return nil, err
	}
	c := &keyedConn{SecureConn: s, circle: t.circle}
	if err := t.circle.admit(key, c); err != nil {
		s.Close()
		return nil, err
	}
	return c, nil
}

// keyedConn leaves the circle when it is closed.
type keyedConn struct {
	sec.SecureConn
	circle *circle
	once   sync.Once
}

func (c *keyedConn) Close() error {
	c.once.Do(func() { c.circle.leave(c) })
	return c.SecureConn.Close()
}
