package p2p

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// ErrInvite means that a text is not an invite, or was damaged on the way. Where a word is wrong, the error is also a
// *WordError.
var ErrInvite = errors.New("not a valid invite")

// Invite lets another node reach one: who it is, some of its addresses, and, where its mesh is closed, the key. Whoever reads
// an invite with a key can join.
type Invite struct {
	Peer peer.AddrInfo
	Key  MeshKey // the zero key for an open mesh
}

// An invite in bytes:
//
//	version 2 | 1 if a key follows, else 0 | key (16) | ed25519 public key (32) | address | … | first 4 bytes of the sha256 of all before
//
// where an address is 1 for TCP + 2 for QUIC + 4 for IPv6 | IP (4 or 16) | port (2), big-endian.
const (
	inviteVersion  = 2
	inviteSum      = 4
	maxInviteAddrs = 8
	overTCP        = 1
	overQUIC       = 2
	overIPv6       = 4
)

// Invite leads to this node, at up to eight of its addresses; to loopback only where there are no others.
func (m *Mesh) Invite() Invite {
	addrs := slices.Clone(m.host.Addrs())
	if !allLoopback(addrs) {
		addrs = slices.DeleteFunc(addrs, manet.IsIPLoopback)
	}
	return Invite{Peer: peer.AddrInfo{ID: m.host.ID(), Addrs: addrs}, Key: m.circle.key()}
}

// bytes drops addresses that are no TCP or QUIC port of an IP, and those beyond the first max.
func (i Invite) bytes(max int) []byte {
	raw := []byte{inviteVersion, 0}
	if i.Key.Closed() {
		raw[1] = 1
		raw = append(raw, i.Key[:]...)
	}
	raw = append(raw, publicKey(i.Peer.ID)...)
	places := inviteAddrs(i.Peer.Addrs)
	for _, a := range places[:min(len(places), max)] {
		raw = append(raw, a.kind)
		raw = append(raw, a.at.Addr().AsSlice()...)
		raw = binary.BigEndian.AppendUint16(raw, a.at.Port())
	}
	sum := sha256.Sum256(raw)
	return append(raw, sum[:inviteSum]...)
}

// publicKey is empty for an identity that is not an ed25519 key; nodes of ours have no other.
func publicKey(id peer.ID) []byte {
	key, err := id.ExtractPublicKey()
	if err != nil || key.Type() != crypto.Ed25519 {
		return nil
	}
	raw, err := key.Raw()
	if err != nil {
		return nil
	}
	return raw
}

// inviteAddr is a port of an IP, over one or both transports.
type inviteAddr struct {
	kind byte
	at   netip.AddrPort
}

// inviteAddrs merges what differs in the transport only, and puts IPv4 first: it is what a village has.
func inviteAddrs(addrs []ma.Multiaddr) []inviteAddr {
	var places []inviteAddr
	for _, a := range addrs {
		kind, at, ok := inviteAddrOf(a)
		if !ok {
			continue
		}
		if i := slices.IndexFunc(places, func(p inviteAddr) bool { return p.at == at }); i >= 0 {
			places[i].kind |= kind
			continue
		}
		places = append(places, inviteAddr{kind, at})
	}
	slices.SortStableFunc(places, func(a, b inviteAddr) int { return cmp.Compare(a.kind&overIPv6, b.kind&overIPv6) })
	return places
}

func inviteAddrOf(a ma.Multiaddr) (kind byte, at netip.AddrPort, ok bool) {
	kind = map[string]byte{"tcp": overTCP, "quic": overQUIC}[transportOf(a)]
	bare := a
	if kind == overQUIC {
		bare = a.Decapsulate(ma.StringCast("/quic-v1"))
	}
	n, err := manet.ToNetAddr(bare)
	if kind == 0 || err != nil {
		return 0, at, false
	}
	at, err = netip.ParseAddrPort(n.String())
	if err != nil || at.Addr().Zone() != "" {
		return 0, at, false
	}
	if at.Addr().Is6() {
		kind |= overIPv6
	}
	return kind, at, true
}

func parseInviteBytes(raw []byte) (Invite, error) {
	if len(raw) < inviteSum+2 {
		return Invite{}, errors.New("cut short")
	}
	body, sum := raw[:len(raw)-inviteSum], raw[len(raw)-inviteSum:]
	if want := sha256.Sum256(body); !bytes.Equal(sum, want[:inviteSum]) {
		return Invite{}, errors.New("something in it is wrong or missing")
	}
	return parseInviteBody(body)
}

func parseInviteBody(b []byte) (i Invite, err error) {
	take := func(n int) []byte {
		if len(b) < n {
			err = errors.New("cut short")
			return make([]byte, n)
		}
		field := b[:n]
		b = b[n:]
		return field
	}
	head := take(2)
	if head[0] != inviteVersion || head[1] > 1 {
		return i, fmt.Errorf("version %d.%d is not known here", head[0], head[1])
	}
	if head[1] == 1 {
		copy(i.Key[:], take(len(i.Key)))
		if !i.Key.Closed() {
			return i, errors.New("an empty key")
		}
	}
	key, keyErr := crypto.UnmarshalEd25519PublicKey(take(32))
	if err != nil || keyErr != nil {
		return i, errors.Join(err, keyErr)
	}
	if i.Peer.ID, err = peer.IDFromPublicKey(key); err != nil {
		return i, fmt.Errorf("identity: %w", err)
	}
	for n := 0; len(b) > 0; n++ {
		kind := take(1)[0]
		size := 4
		if kind&overIPv6 != 0 {
			size = 16
		}
		ip, port := take(size), binary.BigEndian.Uint16(take(2))
		if err != nil {
			return i, err
		}
		if n == maxInviteAddrs || kind > overTCP|overQUIC|overIPv6 || kind&(overTCP|overQUIC) == 0 {
			return i, errors.New("an address too many, or of an unknown kind")
		}
		i.Peer.Addrs = append(i.Peer.Addrs, dialable(kind, ip, port)...)
	}
	return i, nil
}

func dialable(kind byte, ip []byte, port uint16) (addrs []ma.Multiaddr) {
	proto := "ip4"
	if kind&overIPv6 != 0 {
		proto = "ip6"
	}
	at, _ := netip.AddrFromSlice(ip)
	if kind&overTCP != 0 {
		addrs = append(addrs, ma.StringCast(fmt.Sprintf("/%s/%s/tcp/%d", proto, at, port)))
	}
	if kind&overQUIC != 0 {
		addrs = append(addrs, ma.StringCast(fmt.Sprintf("/%s/%s/udp/%d/quic-v1", proto, at, port)))
	}
	return addrs
}

const (
	invitePrefix     = "savoirs:"
	maxInviteText    = 4096
	crockfordLetters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
)

func inviteText() *base32.Encoding {
	return base32.NewEncoding(crockfordLetters).WithPadding(base32.NoPadding)
}

// Text is "savoirs:" and the invite in Crockford's base32, which reads O as 0 and I or L as 1. It survives being typed in
// lower case, with spaces, dashes or line breaks. In capitals it makes the smallest QR code.
func (i Invite) Text() string {
	return invitePrefix + inviteText().EncodeToString(i.bytes(maxInviteAddrs))
}

// ParseInvite reads what Text and Words wrote, or returns ErrInvite.
func ParseInvite(text string) (Invite, error) {
	i, err := parseInvite(text)
	if err != nil {
		return Invite{}, fmt.Errorf("%w: %w", ErrInvite, err)
	}
	return i, nil
}

func parseInvite(text string) (i Invite, err error) {
	if len(text) > maxInviteText {
		return i, errors.New("too long")
	}
	letters, ok := inviteLetters(text)
	if !ok {
		return parseWords(text)
	}
	raw, err := inviteText().DecodeString(letters)
	if err != nil {
		return i, errors.New("cut short, or a letter too many")
	}
	if inviteText().EncodeToString(raw) != letters {
		return i, errors.New("stray bits at the end")
	}
	return parseInviteBytes(raw)
}

// inviteLetters drops the prefix and what people put between letters, and maps look-alikes. It is not ok without a prefix.
func inviteLetters(text string) (letters string, ok bool) {
	bare := strings.Map(func(r rune) rune {
		switch r {
		case ' ', '\t', '\r', '\n', '-', '\u00a0', '\u202f', '\u200b', '\ufeff':
			return -1
		}
		return r
	}, text)
	rest, ok := strings.CutPrefix(strings.ToUpper(bare), strings.ToUpper(invitePrefix))
	return strings.NewReplacer("O", "0", "I", "1", "L", "1").Replace(rest), ok
}
