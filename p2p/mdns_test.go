package p2p

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

func vocabularyOf(t testing.TB, k MeshKey) vocabulary {
	t.Helper()
	v, err := newVocabulary(k)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestOnALinkOnlyNodesOfOneMeshUnderstandEachOther(t *testing.T) {
	mine, other := NewMeshKey(), NewMeshKey()
	invite := Invite{Peer: peer.AddrInfo{ID: open(t, Options{}).ID(), Addrs: []ma.Multiaddr{ma.StringCast("/ip4/192.168.1.2/tcp/4117")}}}
	for _, key := range []MeshKey{{}, mine} {
		speaker := vocabularyOf(t, key)
		for _, listener := range []MeshKey{{}, mine, other} {
			hears := vocabularyOf(t, listener)
			asked, none := hears.hear(speaker.question())
			none2, told := hears.hear(speaker.answer(invite))
			if asked != (key == listener) || none != nil || none2 {
				t.Errorf("question of %v heard by %v: %v", key, listener, asked)
			}
			if key != listener && told != nil || key == listener && cmp.Diff([]Invite{invite}, told) != "" {
				t.Errorf("answer of %v heard by %v: %v", key, listener, told)
			}
		}
	}
	id := publicKey(invite.Peer.ID)
	if said := vocabularyOf(t, mine).answer(invite); bytes.Contains(said, id) || bytes.Contains(said, mine[:]) {
		t.Error("a closed mesh says who is in it")
	}
}

func TestWhatIsSaidOnALinkFitsInAPacket(t *testing.T) {
	invite := Invite{Peer: peer.AddrInfo{ID: open(t, Options{}).ID()}}
	for i := range 40 {
		invite.Peer.Addrs = append(invite.Peer.Addrs, ma.StringCast("/ip6/2001:db8::"+string(rune('a'+i%6))+string(rune('0'+i%10))+"/udp/4117/quic-v1"))
	}
	if n := len(vocabularyOf(t, NewMeshKey()).answer(invite)); n > 1232 { // what IPv6 carries everywhere
		t.Errorf("%d bytes", n)
	}
}

func FuzzHearOnALink(f *testing.F) {
	id, err := peer.Decode("12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp")
	if err != nil {
		f.Fatal(err)
	}
	v := vocabularyOf(f, MeshKey{})
	f.Add(v.question())
	f.Add(v.answer(Invite{Peer: peer.AddrInfo{ID: id, Addrs: []ma.Multiaddr{ma.StringCast("/ip4/10.0.0.1/tcp/1")}}}))
	f.Fuzz(func(t *testing.T, packet []byte) {
		question, invites := v.hear(packet)
		if question && invites != nil || len(invites) > maxAnswers {
			t.Fatalf("%v %v", question, invites)
		}
		for _, i := range invites {
			sameAgain(t, i)
		}
	})
}
