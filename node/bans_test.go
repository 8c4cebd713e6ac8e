package node

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"savoirs/p2p"
)

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func testID(t *testing.T) peer.ID {
	t.Helper()
	_, public, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id, err := peer.IDFromPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func aFault(p string, kind p2p.FaultKind, what string) p2p.Fault {
	f := p2p.NewFault(kind, "/savoirs/car/1", what, []byte(what))
	f.Peer, f.At = peer.ID(p), f.At.UTC().Round(0)
	return *f
}

func openBans(t *testing.T, dir string) *bans {
	t.Helper()
	b, err := readBans(filepath.Join(dir, "bans.json"), discard())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestABanAndItsEvidenceOutliveARestart(t *testing.T) {
	dir := t.TempDir()
	b := openBans(t, dir)
	liar, odd := testID(t), testID(t)
	if banned := b.add(aFault(string(odd), p2p.Malformed, "gibberish"), ""); banned {
		t.Error("banned for what may be another version")
	}
	lie := aFault(string(liar), p2p.WrongBytes, "other bytes")
	if banned := b.add(lie, "Menteur"); !banned {
		t.Error("not banned for a proved lie")
	}
	again := openBans(t, dir) // a power cut: nobody closed the first
	if d := cmp.Diff(b.all(), again.all()); d != "" {
		t.Error(d)
	}
	if got := again.banned(); len(got) != 1 || got[0] != liar {
		t.Errorf("banned: %v", got)
	}
	if d := cmp.Diff(lie, again.all()[0].Faults[0]); d != "" {
		t.Error(d)
	}
}

func TestWhoWasLetInAgainIsNotBannedAndTheEvidenceStays(t *testing.T) {
	dir := t.TempDir()
	b, liar := openBans(t, dir), testID(t)
	b.add(aFault(string(liar), p2p.Unasked, "nobody asked"), "")
	if err := b.lift(liar); err != nil {
		t.Fatal(err)
	}
	b = openBans(t, dir)
	r := b.all()[0]
	if r.Banned || r.Freed.IsZero() || len(r.Faults) != 1 || len(b.banned()) != 0 {
		t.Errorf("%+v", r)
	}
	if banned := b.add(aFault(string(liar), p2p.Malformed, "gibberish"), ""); banned {
		t.Error("banned again for less than a lie")
	}
	if banned := b.add(aFault(string(liar), p2p.Unasked, "again"), ""); !banned {
		t.Error("not banned for a new lie")
	}
}

func TestTheMemoryOfFaultsHasAnEnd(t *testing.T) {
	b := &bans{path: filepath.Join(t.TempDir(), "bans.json"), log: discard()}
	note := func(p string) {
		f := aFault(p, p2p.Malformed, "x")
		f.Signed = make([]byte, 8<<10)
		b.add(f, "")
	}
	for i := range maxNoted + 3 {
		note(fmt.Sprint("peer", i))
	}
	for range 20 {
		note("busy")
	}
	all := b.all()
	if len(all) != maxNoted || all[maxNoted-1].Peer != "peer4" {
		t.Errorf("%d remembered, the oldest is %q", len(all), all[len(all)-1].Peer)
	}
	if all[0].Peer != "busy" || all[0].Count != 20 || len(all[0].Faults) != maxFaultsKept {
		t.Errorf("%+v", all[0])
	}
	signed := 0
	for _, r := range all {
		for _, f := range r.Faults {
			signed += len(f.Signed)
		}
	}
	if signed > maxSigned || signed == 0 {
		t.Errorf("%d bytes of statements kept", signed)
	}
}

func TestAFloodOfLesserFaultsForgetsNoBan(t *testing.T) {
	dir := t.TempDir()
	b, liar := openBans(t, dir), testID(t)
	b.add(aFault(string(liar), p2p.WrongBytes, "other bytes"), "")
	for i := range 2 * maxNoted {
		b.add(aFault(fmt.Sprint("stranger", i), p2p.Malformed, "gibberish"), "")
	}
	if got := b.banned(); len(got) != 1 || got[0] != liar || len(b.all()) != maxNoted {
		t.Errorf("banned: %v of %d remembered", got, len(b.all()))
	}
	for i := range b.records {
		b.records[i].Banned = true
	}
	latest := testID(t)
	b.add(aFault(string(latest), p2p.Unasked, "nobody asked"), "")
	if got := b.banned(); len(got) != maxNoted || got[0] != latest || slices.Contains(got, liar) {
		t.Errorf("%d banned, the latest %s", len(got), got[0])
	}
}

func TestDamagedBansAreSetAside(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "bans.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if b := openBans(t, dir); len(b.all()) != 0 {
		t.Error("something was read")
	}
	if _, err := os.Stat(filepath.Join(dir, "bans.json.damaged")); err != nil {
		t.Error(err)
	}
}

func TestAMomentIsNoPartOfABan(t *testing.T) {
	b, liar := openBans(t, t.TempDir()), testID(t)
	f := aFault(string(liar), p2p.WrongBytes, "x")
	f.At = time.Unix(0, 0) // a board without a clock
	if banned := b.add(f, ""); !banned {
		t.Error("1970 is no excuse")
	}
}
