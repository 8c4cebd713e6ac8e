package p2p

import (
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// ErrInvite means that a text is not an invite, or was damaged on the way.
var ErrInvite = errors.New("not a valid invite")

// An invite is "savoirs:" and, in Crockford's base32 (which reads O as 0 and I or L as 1), these bytes:
//
//	version 1 | length, peer id | length, address | … | first 4 bytes of the sha256 of what precedes
//
// Lengths are one byte. Addresses are binary multiaddrs without the peer.
const (
	invitePrefix     = "savoirs:"
	inviteVersion    = 1
	inviteSum        = 4
	maxInviteText    = 2048
	maxInviteAddrs   = 8
	crockfordLetters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
)

func inviteText() *base32.Encoding {
	return base32.NewEncoding(crockfordLetters).WithPadding(base32.NoPadding)
}

// Invite is a compact text that lets another node reach this one: its identity and up to eight of its addresses. It
// survives being typed in lower case, with spaces, dashes or line breaks. Loopback addresses are in it only where there
// are no others.
func (m *Mesh) Invite() string {
	addrs := m.host.Addrs()
	if !allLoopback(addrs) {
		addrs = slices.DeleteFunc(slices.Clone(addrs), manet.IsIPLoopback)
	}
	return formatInvite(peer.AddrInfo{ID: host.InfoFromHost(m.host).ID, Addrs: addrs[:min(len(addrs), maxInviteAddrs)]})
}

func formatInvite(p peer.AddrInfo) string {
	raw := []byte{inviteVersion, byte(len(p.ID))}
	raw = append(raw, p.ID...)
	for _, a := range p.Addrs {
		if b := a.Bytes(); len(b) <= 255 {
			raw = append(raw, byte(len(b)))
			raw = append(raw, b...)
		}
	}
	sum := sha256.Sum256(raw)
	return invitePrefix + inviteText().EncodeToString(append(raw, sum[:inviteSum]...))
}

// ParseInvite reads what Invite wrote, or returns ErrInvite.
func ParseInvite(text string) (peer.AddrInfo, error) {
	p, err := parseInvite(text)
	if err != nil {
		return peer.AddrInfo{}, fmt.Errorf("%w: %w", ErrInvite, err)
	}
	return p, nil
}

func parseInvite(text string) (p peer.AddrInfo, err error) {
	if len(text) > maxInviteText {
		return p, errors.New("too long")
	}
	letters, err := inviteLetters(text)
	if err != nil {
		return p, err
	}
	raw, err := inviteText().DecodeString(letters)
	if err != nil {
		return p, errors.New("cut short, or a letter too many")
	}
	if inviteText().EncodeToString(raw) != letters {
		return p, errors.New("stray bits at the end")
	}
	if len(raw) < inviteSum+2 {
		return p, errors.New("cut short")
	}
	body, sum := raw[:len(raw)-inviteSum], raw[len(raw)-inviteSum:]
	if want := sha256.Sum256(body); !bytes.Equal(sum, want[:inviteSum]) {
		return p, errors.New("a letter is wrong or missing")
	}
	if body[0] != inviteVersion {
		return p, fmt.Errorf("version %d is not known here", body[0])
	}
	return parseInviteBody(body[1:])
}

// inviteLetters drops the prefix and what people put between letters, and maps look-alikes.
func inviteLetters(text string) (string, error) {
	bare := strings.Map(func(r rune) rune {
		switch r {
		case ' ', '\t', '\r', '\n', '-', '\u00a0', '\u202f', '\u200b', '\ufeff':
			return -1
		}
		return r
	}, text)
	bare = strings.ToUpper(bare)
	rest, ok := strings.CutPrefix(bare, strings.ToUpper(invitePrefix))
	if !ok {
		return "", fmt.Errorf("it must begin with %q", invitePrefix)
	}
	return strings.NewReplacer("O", "0", "I", "1", "L", "1").Replace(rest), nil
}

func parseInviteBody(b []byte) (p peer.AddrInfo, err error) {
	id, b, err := cutField(b)
	if err != nil {
		return p, err
	}
	if p.ID, err = peer.IDFromBytes(id); err != nil {
		return p, fmt.Errorf("identity: %w", err)
	}
	for len(b) > 0 {
		var field []byte
		if field, b, err = cutField(b); err != nil {
			return p, err
		}
		a, err := ma.NewMultiaddrBytes(field)
		if err != nil {
			return p, fmt.Errorf("address: %w", err)
		}
		if transportOf(a) == "" || len(p.Addrs) == maxInviteAddrs {
			return p, errors.New("an address too many, or of an unknown kind")
		}
		p.Addrs = append(p.Addrs, a)
	}
	return p, nil
}

// cutField takes a length byte and that many bytes off b.
func cutField(b []byte) (field, rest []byte, err error) {
	if len(b) == 0 || len(b) < 1+int(b[0]) {
		return nil, nil, errors.New("cut short")
	}
	n := int(b[0])
	return b[1 : 1+n], b[1+n:], nil
}
