package p2p

import (
	"context"
	"crypto/hmac"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/quic-go/quic-go"
)

const (
	// proofTime bounds the exchange of proofs: two round trips of a very slow link.
	proofTime = 5 * time.Second
	// notAStream precedes a proof. A node of an open mesh takes the stream for one of its own, reads here a name of 16383
	// bytes, which is too long, and resets it at once.
	notAStream = "\xff\x7f"
)

var errProof = errors.New("the other side has not the key of the mesh")

// proveQUIC makes both sides of a new QUIC connection show that they have the mesh key, before any stream is served. The
// TLS handshake has no place for the key, so the first stream that the dialler opens carries two proofs:
//
//	dialler → ff 7f HMAC(key, "quic dialler", secret of this TLS session)
//	listener → ff 7f HMAC(key, "quic listener", the same secret)
//
// The secret (RFC 5705) differs for each session and is known to its two ends only, whose identities TLS has proved: a
// proof is worth nothing elsewhere or later. In an open mesh nothing is exchanged.
func (c *circle) proveQUIC(conn network.Conn) error {
	var q *quic.Conn
	if !conn.As(&q) {
		return nil // TCP: its handshake has seen to it
	}
	key := c.key()
	if key.Closed() {
		if err := exchangeProofs(q, key, conn.Stat().Direction == network.DirOutbound); err != nil {
			return err
		}
	}
	end := quicEnd{q}
	if err := c.admit(key, end); err != nil {
		return err
	}
	context.AfterFunc(q.Context(), func() { c.leave(end) })
	return nil
}

func exchangeProofs(q *quic.Conn, key MeshKey, dialled bool) error {
	state := q.ConnectionState().TLS
	secret, err := state.ExportKeyingMaterial("EXPORTER-savoirs-mesh-key", nil, 32)
	if err != nil {
		return fmt.Errorf("prove the mesh key: %w", err)
	}
	ctx, cancel := context.WithTimeout(q.Context(), proofTime)
	defer cancel()
	next, mine, theirs := q.AcceptStream, "quic listener", "quic dialler"
	if dialled {
		next, mine, theirs = q.OpenStreamSync, theirs, mine
	}
	s, err := next(ctx)
	if err != nil {
		return fmt.Errorf("prove the mesh key: %w", err)
	}
	defer s.Close()
	defer s.CancelRead(0)
	if err := s.SetDeadline(time.Now().Add(proofTime)); err != nil {
		return fmt.Errorf("prove the mesh key: %w", err)
	}
	if dialled {
		if _, err := s.Write(key.proof(mine, secret)); err != nil {
			return fmt.Errorf("prove the mesh key: %w", err)
		}
	}
	want := key.proof(theirs, secret)
	got := make([]byte, len(want))
	if _, err := io.ReadFull(s, got); err != nil {
		return fmt.Errorf("prove the mesh key: %w", err)
	}
	if !hmac.Equal(got, want) {
		return errProof
	}
	if !dialled {
		if _, err := s.Write(key.proof(mine, secret)); err != nil {
			return fmt.Errorf("prove the mesh key: %w", err)
		}
	}
	return nil
}

func (k MeshKey) proof(purpose string, secret []byte) []byte {
	return append([]byte(notAStream), k.prove(purpose, secret)...)
}

// quicEnd closes a connection as the gater does.
type quicEnd struct{ *quic.Conn }

func (e quicEnd) Close() error {
	return e.CloseWithError(quic.ApplicationErrorCode(network.ConnGated), "")
}
