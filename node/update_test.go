package node_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"savoirs/node/nodetest"
)

func TestANewVersionMovesOnlyItsEditedPage(t *testing.T) {
	nodes := nodetest.Start(t, 2)
	a, b := nodes[0], nodes[1]
	road := newRoad(t, a.ID().Addrs[0])
	if _, err := b.Join(t.Context(), road.addr, false); err != nil {
		t.Fatal(err)
	}
	pages := map[string]string{}
	noise := rand.NewChaCha8([32]byte{1})
	page := make([]byte, 10<<10)
	for i := range 200 {
		noise.Read(page)
		pages[fmt.Sprintf("page%03d.bin", i)] = string(page)
	}
	first := publish(t, a, "Atlas", pages)
	waitForOffer(t, b, first.Root)
	if _, err := b.Pull(t.Context(), first.Root, nil); err != nil {
		t.Fatal(err)
	}
	if moved := road.moved.Load(); moved < first.Size {
		t.Fatalf("%d bytes passed for an item of %d", moved, first.Size)
	}
	noise.Read(page)
	pages["page100.bin"] = string(page)
	second := publish(t, a, "Atlas", pages)
	waitForOffer(t, b, second.Root)
	before := road.moved.Load()
	got, err := b.Pull(t.Context(), second.Root, nil)
	if err != nil || !got.Here || got.Size != second.Size {
		t.Fatalf("pulled %+v: %v", got, err)
	}
	// One page, the folder that names all pages, and what is said around it.
	if moved := road.moved.Load() - before; moved > 64<<10 {
		t.Errorf("%d bytes passed for one page of %d", moved, len(page))
	}
}

// road is a way to a node that counts what passes, both ways.
type road struct {
	addr  string
	moved atomic.Int64
}

// newRoad listens for one connection and leads it to a node at addr, a multiaddr with TCP on 127.0.0.1.
func newRoad(t *testing.T, addr string) *road {
	parts := strings.Split(addr, "/") // "", ip4, 127.0.0.1, tcp, port, p2p, ID
	end := net.JoinHostPort(parts[2], parts[4])
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	r := &road{}
	go func() {
		near, err := l.Accept()
		if err != nil {
			return
		}
		defer near.Close()
		far, err := net.Dial("tcp", end)
		if err != nil {
			t.Error(err)
			return
		}
		defer far.Close()
		go io.Copy(far, io.TeeReader(near, r))
		io.Copy(near, io.TeeReader(far, r))
	}()
	parts[4] = fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
	r.addr = strings.Join(parts, "/")
	return r
}

func (r *road) Write(p []byte) (int, error) {
	r.moved.Add(int64(len(p)))
	return len(p), nil
}
