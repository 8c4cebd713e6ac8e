package p2p

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

func TestAnInviteLeadsToTheNodeThatWroteIt(t *testing.T) {
	a, b := open(t, Options{Listen: []string{"/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1"}}), open(t, Options{})
	p, err := ParseInvite(a.Invite())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(info(a), p); diff != "" {
		t.Error(diff)
	}
	if err := b.Connect(t.Context(), p); err != nil {
		t.Error(err)
	}
}

func TestAnInviteSurvivesHowPeopleCopyIt(t *testing.T) {
	a := open(t, Options{})
	text := a.Invite()
	var spaced strings.Builder
	for i, r := range text {
		if i%4 == 0 {
			spaced.WriteString([]string{" ", "\n", "-", "\t", "\r\n", "\u00a0"}[i/4%6])
		}
		spaced.WriteRune(r)
	}
	letters := strings.TrimPrefix(text, invitePrefix)
	for name, copied := range map[string]string{
		"lower case":  strings.ToLower(text),
		"upper case":  strings.ToUpper(text),
		"spaced":      spaced.String(),
		"look-alikes": invitePrefix + strings.NewReplacer("0", "o", "1", "l").Replace(letters),
	} {
		p, err := ParseInvite(copied)
		if err != nil || p.ID != a.ID() {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestADamagedInviteIsRefused(t *testing.T) {
	text := open(t, Options{}).Invite()
	at := len(invitePrefix)
	for i := at; i < len(text); i++ {
		swapped := "0"
		if text[i] == '0' {
			swapped = "2"
		}
		if _, err := ParseInvite(text[:i] + swapped + text[i+1:]); err == nil {
			t.Errorf("letter %d changed", i)
		}
		if _, err := ParseInvite(text[:i] + text[i+1:]); err == nil {
			t.Errorf("letter %d missing", i)
		}
		_, err := ParseInvite(text[:i])
		is(t, err, ErrInvite)
	}
	for _, bad := range []string{"", "savoirs:", "hello", text[at:], text + text[at:], text + strings.Repeat("0", 4<<10), "savoirs:é"} {
		_, err := ParseInvite(bad)
		is(t, err, ErrInvite)
	}
}

func FuzzParseInvite(f *testing.F) {
	id, err := peer.Decode("12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp")
	if err != nil {
		f.Fatal(err)
	}
	a := ma.StringCast("/ip4/192.168.1.2/tcp/4117")
	f.Add(formatInvite(peer.AddrInfo{ID: id}))
	f.Add(formatInvite(peer.AddrInfo{ID: id, Addrs: []ma.Multiaddr{a, ma.StringCast("/dns4/ecole.local/udp/4117/quic-v1")}}))
	f.Add("savoirs: 0000")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParseInvite(text)
		if err != nil {
			return
		}
		again, err := ParseInvite(formatInvite(p))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(p, again); diff != "" {
			t.Fatal(diff)
		}
	})
}

// The checksum keeps a fuzzer out of what lies behind it.
func FuzzInviteBody(f *testing.F) {
	f.Add([]byte{2, 0, 0})
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := parseInviteBody(body)
		if err != nil {
			return
		}
		if again, err := ParseInvite(formatInvite(p)); err != nil || cmp.Diff(p, again) != "" {
			t.Fatalf("%v became %v (%v)", p, again, err)
		}
	})
}
