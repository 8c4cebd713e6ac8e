package p2p

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
	libp2pquic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	ma "github.com/multiformats/go-multiaddr"
)

func TestABusyPortIsNamed(t *testing.T) {
	for _, kind := range []string{"tcp", "udp"} {
		var taken string
		if kind == "tcp" {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			taken = strings.ReplaceAll(l.Addr().String(), "127.0.0.1:", "/ip4/127.0.0.1/tcp/")
		} else {
			l, err := net.ListenPacket("udp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			taken = strings.ReplaceAll(l.LocalAddr().String(), "127.0.0.1:", "/ip4/127.0.0.1/udp/") + "/quic-v1"
		}
		_, err := Open(Options{Key: newKey(t), Blocks: newMemory(), Listen: []string{"/ip4/127.0.0.1/tcp/0", taken}})
		is(t, err, ErrBusy)
		if !strings.Contains(err.Error(), taken) {
			t.Errorf("the error does not name %s: %v", taken, err)
		}
	}
}

func TestTwoNodesCannotShareAPort(t *testing.T) {
	a := open(t, Options{})
	_, err := Open(Options{Key: newKey(t), Blocks: newMemory(), Listen: []string{a.host.Addrs()[0].String()}})
	is(t, err, ErrBusy)
}

func TestOpenRefusesWhatItCannotUse(t *testing.T) {
	for name, o := range map[string]Options{
		"no key":      {Listen: []string{"/ip4/127.0.0.1/tcp/0"}, Blocks: newMemory()},
		"no blocks":   {Listen: []string{"/ip4/127.0.0.1/tcp/0"}, Key: newKey(t)},
		"no address":  {Key: newKey(t), Blocks: newMemory()},
		"bad address": {Key: newKey(t), Blocks: newMemory(), Listen: []string{"localhost:80"}},
	} {
		if _, err := Open(o); err == nil {
			t.Error(name, "was accepted")
		}
	}
}

func TestClosingTwiceIsFine(t *testing.T) {
	m := open(t, Options{})
	for range 2 {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
}

// certificate returns the chain that a node with this template shows.
func certificate(t *testing.T, template *x509.Certificate) *x509.Certificate {
	t.Helper()
	id, err := libp2ptls.NewIdentity(newKey(t), libp2ptls.WithCertTemplate(template))
	if err != nil {
		t.Fatal(err)
	}
	conf, _ := id.ConfigForPeer("")
	c, err := x509.ParseCertificate(conf.Certificates[0].Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestOurCertificateIsValidWhateverTheClockSays(t *testing.T) {
	template, err := certTemplate()
	if err != nil {
		t.Fatal(err)
	}
	ours := certificate(t, template)
	theirs := certificate(t, &x509.Certificate{ // what libp2p makes by itself
		SerialNumber: big.NewInt(1), Subject: pkix.Name{SerialNumber: "1"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(100, 0, 0),
	})
	synctest.Test(t, func(t *testing.T) { // where it is the year 2000
		if _, err := libp2ptls.PubKeyFromCertChain([]*x509.Certificate{ours}); err != nil {
			t.Error(err)
		}
		if _, err := libp2ptls.PubKeyFromCertChain([]*x509.Certificate{theirs}); err == nil {
			t.Error("the clock makes no difference: this test shows nothing")
		}
	})
	pool := x509.NewCertPool()
	pool.AddCert(ours)
	for _, clock := range []time.Time{time.Unix(1, 0), time.Now(), time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC)} {
		if _, err := ours.Verify(x509.VerifyOptions{Roots: pool, CurrentTime: clock}); err != nil {
			t.Errorf("in %d: %v", clock.Year(), err)
		}
	}
}

func TestQUICConnectsToANodeWhoseClockSays1970(t *testing.T) {
	old := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{SerialNumber: "1"},
		NotBefore: time.Unix(0, 0).Add(-time.Hour), NotAfter: time.Unix(0, 0).AddDate(100, 0, 0),
	}
	h, err := libp2p.New(libp2p.DisableMetrics(), libp2p.ListenAddrStrings("/ip4/127.0.0.1/udp/0/quic-v1"),
		libp2p.Transport(libp2pquic.NewTransport, libp2pquic.WithTLSIdentityOption(libp2ptls.WithCertTemplate(old))))
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	m := open(t, Options{Listen: []string{"/ip4/127.0.0.1/udp/0/quic-v1"}})
	if err := m.Connect(t.Context(), *host.InfoFromHost(h)); err != nil {
		t.Error("dialling it:", err)
	}
	m.host.Network().ClosePeer(h.ID())
	h.Network().(*swarm.Swarm).Backoff().Clear(m.ID())
	if err := h.Connect(t.Context(), info(m)); err != nil {
		t.Error("being dialled:", err)
	}
}

func TestTCPIsDialledBeforeQUIC(t *testing.T) {
	a := open(t, Options{Listen: []string{"/ip4/127.0.0.1/udp/0/quic-v1", "/ip4/127.0.0.1/tcp/0"}})
	b := open(t, Options{})
	connect(t, b, a)
	if got := b.Peers()[0].Transport; got != "tcp" {
		t.Errorf("connected over %s", got)
	}
}

func TestALoopbackNodeNeverLeavesLoopback(t *testing.T) {
	a := open(t, Options{})
	other, err := peer.IDFromPrivateKey(newKey(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"/ip4/192.0.2.1/tcp/4117", "/ip4/192.0.2.1/udp/4117/quic-v1", "/ip6/2001:db8::1/tcp/4117"} {
		begin := time.Now()
		is(t, a.Connect(t.Context(), peer.AddrInfo{ID: other, Addrs: []ma.Multiaddr{ma.StringCast(s)}}), ErrUnreachable)
		if time.Since(begin) > time.Second {
			t.Errorf("%s was tried", s)
		}
	}
}

func TestANameHeardFromAPeerIsNotResolved(t *testing.T) {
	a := open(t, Options{})
	other, err := peer.IDFromPrivateKey(newKey(t))
	if err != nil {
		t.Fatal(err)
	}
	name := ma.StringCast("/dns4/localhost/tcp/1")
	err = a.host.Connect(t.Context(), peer.AddrInfo{ID: other, Addrs: []ma.Multiaddr{name}})
	if err == nil || strings.Contains(err.Error(), "refused") {
		t.Errorf("the name was resolved: %v", err)
	}
	err = a.Connect(t.Context(), peer.AddrInfo{ID: other, Addrs: []ma.Multiaddr{name}})
	if err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("a name that a person gave was not resolved: %v", err)
	}
}
