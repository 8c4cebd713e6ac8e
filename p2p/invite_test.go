package p2p

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

// writings are the ways to write an invite down.
func writings(i Invite) map[string]string {
	return map[string]string{"text": i.Text(), "words": i.Words("fr"), "english words": i.Words("en")}
}

func TestAnInviteLeadsToTheNodeThatWroteIt(t *testing.T) {
	for _, key := range []MeshKey{{}, NewMeshKey()} {
		a := open(t, Options{Listen: []string{"/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1"}, Closed: key})
		for name, text := range writings(a.Invite()) {
			i, err := ParseInvite(text)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if diff := cmp.Diff(Invite{Peer: info(a), Key: key}, i); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
			if err := open(t, Options{Closed: i.Key}).Connect(t.Context(), i.Peer); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestAnInviteIsShort(t *testing.T) {
	i := Invite{Peer: peer.AddrInfo{ID: open(t, Options{}).ID(), Addrs: []ma.Multiaddr{
		ma.StringCast("/ip6/2001:db8::1/tcp/4117"), ma.StringCast("/ip4/192.168.1.2/tcp/4117"),
		ma.StringCast("/ip4/192.168.1.2/udp/4117/quic-v1"), ma.StringCast("/ip6/2001:db8::1/udp/4117/quic-v1"),
		ma.StringCast("/dns4/ecole.local/tcp/4117"),
	}}}
	got, err := ParseInvite(i.Text())
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"/ip4/192.168.1.2/tcp/4117", "/ip4/192.168.1.2/udp/4117/quic-v1", "/ip6/2001:db8::1/tcp/4117", "/ip6/2001:db8::1/udp/4117/quic-v1"}
	var addrs []string
	for _, a := range got.Peer.Addrs {
		addrs = append(addrs, a.String())
	}
	if diff := cmp.Diff(want, addrs); diff != "" {
		t.Error(diff)
	}
	i.Peer.Addrs = i.Peer.Addrs[1:3]
	if text, words := len(i.Text()), len(strings.Fields(i.Words("fr"))); text > 80 || words > 33 {
		t.Errorf("%d letters, %d words", text, words)
	}
}

func TestAnInviteSurvivesHowPeopleCopyIt(t *testing.T) {
	a := open(t, Options{})
	text := a.Invite().Text()
	var spaced strings.Builder
	for i, r := range text {
		if i%4 == 0 {
			spaced.WriteString([]string{" ", "\n", "-", "\t", "\r\n", "\u00a0"}[i/4%6])
		}
		spaced.WriteRune(r)
	}
	letters := strings.TrimPrefix(text, invitePrefix)
	words := a.Invite().Words("fr")
	for name, copied := range map[string]string{
		"lower case":     strings.ToLower(text),
		"upper case":     strings.ToUpper(text),
		"spaced":         spaced.String(),
		"look-alikes":    invitePrefix + strings.NewReplacer("0", "o", "1", "l").Replace(letters),
		"capital words":  strings.ToUpper(words),
		"bare words":     fold(words),
		"numbered words": "1. " + strings.ReplaceAll(words, " ", ",\n2. "),
	} {
		i, err := ParseInvite(copied)
		if err != nil || i.Peer.ID != a.ID() {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAWrongWordIsNamedWithTheNearest(t *testing.T) {
	i := open(t, Options{}).Invite()
	for lang, c := range map[string][2]string{"fr": {"abeile", "abeille"}, "en": {"abandun", "abandon"}} {
		words := strings.Fields(i.Words(lang))
		words[4] = c[0]
		_, err := ParseInvite(strings.Join(words, " "))
		is(t, err, ErrInvite)
		var wrong *WordError
		if !errors.As(err, &wrong) || *wrong != (WordError{Word: c[0], Near: c[1], At: 5}) {
			t.Errorf("%v", err)
		}
	}
}

func TestADamagedInviteIsRefused(t *testing.T) {
	i := open(t, Options{Closed: NewMeshKey()}).Invite()
	text, at := i.Text(), len(invitePrefix)
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
	words := strings.Fields(i.Words("fr"))
	for i := range words {
		changed := append([]string{}, words...)
		if changed[i] = "abaisser"; words[i] == "abaisser" {
			changed[i] = "zoologie"
		}
		if _, err := ParseInvite(strings.Join(changed, " ")); err == nil {
			t.Errorf("word %d changed", i)
		}
		_, err := ParseInvite(strings.Join(words[:i], " "))
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
	i := Invite{Peer: peer.AddrInfo{ID: id}}
	f.Add(i.Text())
	f.Add(i.Words("fr"))
	i.Key = MeshKey{1}
	i.Peer.Addrs = []ma.Multiaddr{ma.StringCast("/ip4/192.168.1.2/tcp/4117"), ma.StringCast("/ip6/2001:db8::1/udp/4117/quic-v1")}
	f.Add(i.Text())
	f.Add(i.Words("en"))
	f.Add("savoirs: 0000")
	f.Fuzz(func(t *testing.T, text string) {
		if i, err := ParseInvite(text); err == nil {
			sameAgain(t, i)
		}
	})
}

// The checksum keeps a fuzzer out of what lies behind it.
func FuzzInviteBody(f *testing.F) {
	f.Add([]byte{2, 0, 0})
	f.Add(append(append([]byte{2, 1, 9}, make([]byte, 47)...), 7, 10, 0, 0, 1, 16, 21))
	f.Add(append(append([]byte{2, 0}, make([]byte, 32)...), 3, 10, 0, 0, 1, 16, 21))
	f.Fuzz(func(t *testing.T, body []byte) {
		if i, err := parseInviteBody(body); err == nil {
			sameAgain(t, i)
		}
	})
}

// sameAgain checks that an invite that was read can be written and read again. Repeated addresses are merged.
func sameAgain(t *testing.T, i Invite) {
	t.Helper()
	once, err := ParseInvite(i.Text())
	if err != nil || once.Peer.ID != i.Peer.ID || once.Key != i.Key {
		t.Fatalf("%v became %v (%v)", i, once, err)
	}
	again, err := ParseInvite(once.Text())
	if err != nil || cmp.Diff(once, again) != "" {
		t.Fatalf("%v became %v (%v)", once, again, err)
	}
}
