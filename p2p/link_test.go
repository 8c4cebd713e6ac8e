package p2p

import (
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

	"github.com/ipfs/boxo/ipld/merkledag"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	format "github.com/ipfs/go-ipld-format"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	mh "github.com/multiformats/go-multihash"

	"savoirs/p2p/linktest"
)

// What crosses a bad link is tested between processes in hosts of a linktest network.

// bytesOf puts a node with n bytes below it, in leaves of 256 KiB, into s.
func bytesOf(s *memory, n int) cid.Cid {
	root := new(merkledag.ProtoNode)
	for i := 0; i < n; i += 256 << 10 {
		data := random(uint64(i>>18), min(256<<10, n-i))
		leaf, err := cid.V1Builder{Codec: cid.Raw, MhType: mh.SHA2_256}.Sum(data)
		check(err)
		b, err := blocks.NewBlockWithCid(data, leaf)
		check(err)
		check(s.Put(context.Background(), b))
		check(root.AddRawLink("", &format.Link{Cid: leaf, Size: uint64(len(data))}))
	}
	root.SetCidBuilder(cid.V1Builder{Codec: cid.DagProtobuf, MhType: mh.SHA2_256})
	check(s.Put(context.Background(), root))
	return root.Cid()
}

// nodeInHost opens a node that listens for one transport, "tcp" or "quic", or for both of "tcp+quic".
func nodeInHost(transports string, s *memory) *Mesh {
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	check(err)
	o := Options{Key: key, Blocks: s}
	for t := range strings.SplitSeq(transports, "+") {
		o.Listen = append(o.Listen, map[string]string{"tcp": "/ip4/0.0.0.0/tcp/4117", "quic": "/ip4/0.0.0.0/udp/4117/quic-v1"}[t])
	}
	m, err := Open(o)
	check(err)
	return m
}

// lendInHost is a node that holds so many bytes until its input is closed. Its argument is "BYTES TRANSPORTS", and it says
// "ready ID ROOT".
func lendInHost(arg string) {
	var n int
	var transports string
	_, err := fmt.Sscan(arg, &n, &transports)
	check(err)
	s := newMemory()
	root := bytesOf(s, n)
	m := nodeInHost(transports, s)
	fmt.Println("ready", m.ID(), root)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	check(m.Run(ctx))
	check(m.Close())
}

// fetchInHost fetches ROOT from holders: "ROOT TRANSPORTS IP ID [IP ID]…". It says "begun" when it is connected to all and
// "done MILLISECONDS BYTES TRANSPORT" at the end, with the transport of the last holder.
func fetchInHost(arg string) {
	words := strings.Fields(arg)
	root, err := cid.Decode(words[0])
	check(err)
	m := nodeInHost(words[1], newMemory())
	ctx, cancel := context.WithCancel(context.Background())
	running := make(chan error)
	go func() { running <- m.Run(ctx) }()
	var from []peer.ID
	for rest := words[2:]; len(rest) > 0; rest = rest[2:] {
		id, err := peer.Decode(rest[1])
		check(err)
		p := peer.AddrInfo{ID: id}
		for t := range strings.SplitSeq(words[1], "+") {
			a := map[string]string{"tcp": "/ip4/%s/tcp/4117", "quic": "/ip4/%s/udp/4117/quic-v1"}[t]
			p.Addrs = append(p.Addrs, ma.StringCast(fmt.Sprintf(a, rest[0])))
		}
		check(m.Connect(ctx, p))
		from = append(from, id)
	}
	fmt.Println("begun now")
	begin, into := time.Now(), newMemory()
	check(m.Fetch(ctx, root, into, FetchOptions{From: from}))
	took := time.Since(begin)
	transport := ""
	for _, p := range m.Peers() {
		if p.ID == from[len(from)-1] {
			transport = p.Transport
		}
	}
	fmt.Println("done", took.Milliseconds(), into.kept.Load(), transport)
	cancel()
	check(<-running)
	check(m.Close())
}

// linkedHosts makes a network or skips.
func linkedHosts(t *testing.T, links ...linktest.Link) *linktest.Net {
	t.Helper()
	n, err := linktest.New(links...)
	if errors.Is(err, linktest.ErrNeedsRoot) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

// transfer is a fetch over a network whose first host fetches and whose others all hold the item.
type transfer struct {
	net        *linktest.Net
	transports string
	bytes      int
	during     func(*testing.T) // called when the fetch has begun
}

// run returns how long it took and over which transport.
func (f transfer) run(t *testing.T, hosts int, within time.Duration) (took time.Duration, transport string) {
	t.Helper()
	var root string
	role := ""
	for i := 1; i < hosts; i++ {
		lender := play(t, inHost(f.net, i), fmt.Sprintf("lend %d %s", f.bytes, f.transports))
		defer lender.stop()
		id, r, _ := strings.Cut(lender.says(t, "ready", 20*time.Second), " ")
		root = r
		role += " " + f.net.Host(i).IP() + " " + id
	}
	fetcher := play(t, inHost(f.net, 0), "fetch "+root+" "+f.transports+role)
	defer fetcher.stop()
	fetcher.says(t, "begun", 20*time.Second)
	if f.during != nil {
		f.during(t)
	}
	var ms, kept int64
	if _, err := fmt.Sscan(fetcher.says(t, "done", within), &ms, &kept, &transport); err != nil {
		t.Fatal(err)
	}
	if kept < int64(f.bytes) {
		t.Errorf("%d bytes arrived of %d", kept, f.bytes)
	}
	return time.Duration(ms) * time.Millisecond, transport
}

func inHost(n *linktest.Net, i int) *exec.Cmd { return n.Host(i).Command(os.Args[0]) }
