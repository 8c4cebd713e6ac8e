package p2p

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"savoirs/p2p/attacktest"
	"savoirs/p2p/linktest"
)

// Multicast, and limits by address, are tested in network namespaces: nothing is sent on an interface of the machine.
// The test binary runs itself there, as one of the roles below.
func TestMain(m *testing.M) {
	role, arg, _ := strings.Cut(os.Getenv("SAVOIRS_P2P_ROLE"), " ")
	switch role {
	case "":
		os.Exit(m.Run())
	case "mdns": // with a name, always the same identity
		nodeInNamespace(Options{Listen: []string{"/ip4/0.0.0.0/tcp/0", "/ip4/0.0.0.0/udp/0/quic-v1"}, MDNS: true, Key: keyOf(arg)})
	case "keep":
		p, err := peer.AddrInfoFromString("/ip4/10.77.0.1/tcp/4117/p2p/" + arg)
		check(err)
		nodeInNamespace(Options{Listen: []string{"/ip4/0.0.0.0/tcp/0"}, Static: []peer.AddrInfo{*p}})
	case "serve":
		nodeInNamespace(Options{Listen: []string{"/ip4/10.77.0.1/tcp/4117"}})
	case "crowd":
		crowdInNamespace(arg)
	case "flood":
		floodInNamespace(arg)
	case "lend":
		lendInHost(arg)
	case "fetch":
		fetchInHost(arg)
	}
}

// nodeInNamespace runs a node until its standard input is closed. It says "ready ID", for each connection "came ID" and for
// each peer "met ID".
func nodeInNamespace(o Options) {
	if o.Key == nil {
		o.Key = keyOf("")
	}
	o.Blocks = newMemory()
	o.Arrived = func(_ context.Context, p peer.ID) { fmt.Println("met", p) }
	m, err := Open(o)
	check(err)
	m.host.Network().Notify(&network.NotifyBundle{ConnectedF: func(_ network.Network, c network.Conn) {
		fmt.Println("came", c.RemotePeer())
	}, DisconnectedF: func(n network.Network, c network.Conn) {
		if n.Connectedness(c.RemotePeer()) != network.Connected {
			fmt.Println("lost", c.RemotePeer())
		}
	}})
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	fmt.Println("ready", m.ID())
	check(m.Run(ctx))
	check(m.Close())
}

// keyOf makes a key of a name, and a fresh one of none.
func keyOf(name string) crypto.PrivKey {
	seed := io.Reader(rand.Reader)
	if name != "" {
		seed = strings.NewReader(strings.Repeat(name, 64))
	}
	key, _, err := crypto.GenerateEd25519Key(seed)
	check(err)
	return key
}

// crowdInNamespace connects 40 nodes to the server whose ID is given, and says "met" for each that stays.
func crowdInNamespace(server string) {
	id, err := peer.Decode(server)
	check(err)
	target := peer.AddrInfo{ID: id, Addrs: []ma.Multiaddr{ma.StringCast("/ip4/10.77.0.1/tcp/4117")}}
	var nodes []*Mesh
	for range 40 {
		key, _, err := crypto.GenerateEd25519Key(rand.Reader)
		check(err)
		m, err := Open(Options{Key: key, Blocks: newMemory(), Listen: []string{"/ip4/10.77.0.2/tcp/0"}})
		check(err)
		nodes = append(nodes, m)
	}
	met := make(chan error)
	for _, m := range nodes {
		go func() { met <- m.Connect(context.Background(), target) }()
	}
	for range nodes {
		check(<-met)
		fmt.Println("met", id)
	}
	for _, m := range nodes {
		if m.host.Network().Connectedness(id) != network.Connected {
			check(errors.New("sent away"))
		}
	}
	fmt.Println("stayed", id)
}

// floodInNamespace comes to the server whose ID is given as hundreds of strangers, until its standard input is closed.
func floodInNamespace(server string) {
	id, err := peer.Decode(server)
	check(err)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	fmt.Println("ready", id)
	target := peer.AddrInfo{ID: id, Addrs: []ma.Multiaddr{ma.StringCast("/ip4/10.77.0.1/tcp/4117")}}
	check(attacktest.Identities(ctx, attacktest.Target{AddrInfo: target}, 200))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func ip(t *testing.T, args string) {
	t.Helper()
	if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
		t.Skipf("ip %s: %v: %s", args, err, out)
	}
}

// cable makes two namespaces with a cable between them, 10.77.0.1 and 10.77.0.2, and no other way out.
func cable(t *testing.T) (a, b string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("network namespaces need root")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("network namespaces need the ip command")
	}
	a, b = fmt.Sprintf("%s-%d-a", t.Name(), os.Getpid()), fmt.Sprintf("%s-%d-b", t.Name(), os.Getpid())
	for _, ns := range []string{a, b} {
		ip(t, "netns add "+ns)
		t.Cleanup(func() { exec.Command("ip", "netns", "del", ns).Run() })
		ip(t, "-n "+ns+" link set lo up")
	}
	ip(t, fmt.Sprintf("-n %s link add veth0 type veth peer name veth0 netns %s", a, b))
	for i, ns := range []string{a, b} {
		ip(t, fmt.Sprintf("-n %s addr add 10.77.0.%d/24 dev veth0", ns, i+1))
		ip(t, "-n "+ns+" link set veth0 up")
	}
	return a, b
}

// actor is the test binary in a namespace.
type actor struct {
	lines chan string // its output; closed at the end
	stop  func()
}

func act(t *testing.T, ns, role string) *actor {
	t.Helper()
	return play(t, exec.Command("ip", "netns", "exec", ns, os.Args[0]), role)
}

func actOn(t *testing.T, h *linktest.Host, role string) *actor {
	t.Helper()
	return play(t, h.Command(os.Args[0]), role)
}

// play starts cmd, which is the test binary somewhere else, in a role.
func play(t *testing.T, cmd *exec.Cmd, role string) *actor {
	t.Helper()
	cmd.Env = append(os.Environ(), "SAVOIRS_P2P_ROLE="+role)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &actor{lines: make(chan string, 128)}
	go func() {
		defer close(p.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			p.lines <- s.Text()
		}
	}()
	p.stop = func() {
		in.Close()
		for range p.lines {
		}
		cmd.Wait()
	}
	t.Cleanup(p.stop)
	return p
}

// says waits for a line that begins with word and returns the rest.
func (p *actor) says(t *testing.T, word string, within time.Duration) string {
	t.Helper()
	timeout := time.After(within)
	for {
		select {
		case line, ok := <-p.lines:
			if !ok {
				t.Fatalf("it ended before it said %q", word)
			}
			if rest, ok := strings.CutPrefix(line, word+" "); ok {
				return rest
			}
		case <-timeout:
			t.Fatalf("no %q within %s", word, within)
		}
	}
}

func TestNeighboursFindEachOtherInEitherOrder(t *testing.T) {
	nsA, nsB := cable(t)
	for _, order := range [][2]string{{nsA, nsB}, {nsB, nsA}} {
		first := act(t, order[0], "mdns")
		firstID := first.says(t, "ready", 10*time.Second)
		second := act(t, order[1], "mdns")
		secondID := second.says(t, "ready", 10*time.Second)
		begin := time.Now()
		if got := second.says(t, "met", 15*time.Second); got != firstID {
			t.Errorf("the second met %s", got)
		}
		if got := first.says(t, "met", 15*time.Second); got != secondID {
			t.Errorf("the first met %s", got)
		}
		t.Logf("found after %s", time.Since(begin).Round(time.Millisecond))
		first.stop()
		second.stop()
	}
}

func TestNeighboursFindEachOtherWhateverHappensToThem(t *testing.T) {
	t.Parallel()
	nsA, nsB := cable(t)
	ip(t, "-n "+nsA+" link set veth0 down")
	a, b := act(t, nsA, "mdns"), act(t, nsB, "mdns same")
	idA, idB := a.says(t, "ready", 10*time.Second), b.says(t, "ready", 10*time.Second)
	meet := func(what string) {
		t.Helper()
		begin := time.Now()
		if got := a.says(t, "met", 15*time.Second); got != idB {
			t.Errorf("%s: the first met %s", what, got)
		}
		if got := b.says(t, "met", 15*time.Second); got != idA {
			t.Errorf("%s: the second met %s", what, got)
		}
		t.Logf("%s: found after %s", what, time.Since(begin).Round(time.Millisecond))
	}
	ip(t, "-n "+nsA+" link set veth0 up")
	meet("plugged later")

	for _, role := range []string{"mdns same", "mdns", "mdns same"} {
		b.stop()
		b = act(t, nsB, role)
		idB = b.says(t, "ready", 10*time.Second)
		meet("started again")
	}

	for i, ns := range []string{nsA, nsB} {
		ip(t, "-n "+ns+" addr del 10.77.0."+string(rune('1'+i))+"/24 dev veth0")
		ip(t, "-n "+ns+" addr add 10.78.0."+string(rune('1'+i))+"/24 dev veth0")
	}
	meet("other addresses")

	ip(t, "-n "+nsB+" link set veth0 down")
	a.says(t, "lost", 10*time.Second)
	b.says(t, "lost", 10*time.Second)
	ip(t, "-n "+nsB+" link set veth0 up")
	meet("cable swapped")
}

func TestNeighboursFindEachOtherWithoutIPv6(t *testing.T) {
	t.Parallel()
	nsA, nsB := cable(t)
	for _, ns := range []string{nsA, nsB} {
		off := exec.Command("ip", "netns", "exec", ns, "sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6")
		if out, err := off.CombinedOutput(); err != nil {
			t.Skipf("IPv6 stays on: %v: %s", err, out)
		}
	}
	a, b := act(t, nsA, "mdns"), act(t, nsB, "mdns")
	idA, idB := a.says(t, "ready", 10*time.Second), b.says(t, "ready", 10*time.Second)
	if got := a.says(t, "met", 5*time.Second); got != idB {
		t.Errorf("the first met %s", got)
	}
	if got := b.says(t, "met", 5*time.Second); got != idA {
		t.Errorf("the second met %s", got)
	}
}

func TestAKeptPeerIsRedialledAtOnceFromANewAddress(t *testing.T) {
	t.Parallel()
	nsA, nsB := cable(t)
	server := act(t, nsA, "serve")
	id := server.says(t, "ready", 10*time.Second)
	roaming := act(t, nsB, "keep "+id)
	roaming.says(t, "met", 10*time.Second)
	ip(t, "-n "+nsB+" addr del 10.77.0.2/24 dev veth0")
	ip(t, "-n "+nsB+" addr add 10.77.0.3/24 dev veth0")
	begin := time.Now()
	roaming.says(t, "met", 5*time.Second)
	t.Logf("back after %s", time.Since(begin).Round(time.Millisecond))
}

func TestABrokenSocketIsNotReadAgain(t *testing.T) {
	reads := 0
	s := &segment{words: vocabularyOf(t, MeshKey{})}
	is(t, s.listen(func([]byte) (int, error) {
		reads++
		return 0, io.ErrUnexpectedEOF
	}, nil, nil), errLinkBroke)
	if reads != 1 {
		t.Errorf("read %d times", reads)
	}
}

func TestFortyNodesBehindOneAddressGetInAndComeBack(t *testing.T) {
	nsA, nsB := cable(t)
	server := act(t, nsA, "serve")
	id := server.says(t, "ready", 10*time.Second)
	for round := range 2 { // the second is after a power cut
		begin := time.Now()
		crowd := act(t, nsB, "crowd "+id)
		for range 40 {
			crowd.says(t, "met", 30*time.Second)
		}
		t.Logf("round %d: 40 connected after %s", round, time.Since(begin).Round(time.Millisecond))
		crowd.stop()
	}
}

func TestFortyNodesGetInWhileIdentitiesFloodInFromOtherAddresses(t *testing.T) {
	n, err := linktest.New(make([]linktest.Link, 4)...)
	if errors.Is(err, linktest.ErrNeedsRoot) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	server := actOn(t, n.Host(0), "serve")
	id := server.says(t, "ready", 10*time.Second)
	for _, i := range []int{2, 3} {
		actOn(t, n.Host(i), "flood "+id).says(t, "ready", 10*time.Second)
	}
	for range 2 * houseFull { // the house is full of strangers
		server.says(t, "came", 30*time.Second)
	}
	begin := time.Now()
	crowd := actOn(t, n.Host(1), "crowd "+id)
	for range 40 {
		crowd.says(t, "met", 60*time.Second)
	}
	t.Logf("40 connected after %s", time.Since(begin).Round(time.Millisecond))
	crowd.says(t, "stayed", 10*time.Second)
	crowd.stop()
}
