package linktest

import (
	"errors"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func network(t *testing.T, links ...Link) *Net {
	t.Helper()
	n, err := New(links...)
	if errors.Is(err, ErrNeedsRoot) {
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

// listen opens a UDP socket in a host.
func listen(t *testing.T, h *Host) net.PacketConn {
	t.Helper()
	var c net.PacketConn
	if err := inNamespace(h.namespace, func() (err error) {
		c, err = net.ListenPacket("udp4", h.IP()+":7")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// sendTo sends n datagrams that make frames of size bytes.
func sendTo(t *testing.T, c net.PacketConn, to net.PacketConn, n, size int) {
	t.Helper()
	for range n {
		if _, err := c.WriteTo(make([]byte, size-14-20-8), to.LocalAddr()); err != nil {
			t.Fatal(err)
		}
	}
}

// arrivals waits for up to n datagrams, until none comes for a while, and says when each came.
func arrivals(t *testing.T, c net.PacketConn, n int, patience time.Duration) []time.Time {
	t.Helper()
	var at []time.Time
	buf := make([]byte, 2000)
	for len(at) < n {
		c.SetReadDeadline(time.Now().Add(patience))
		if _, _, err := c.ReadFrom(buf); err != nil {
			break
		}
		at = append(at, time.Now())
	}
	return at
}

// meet sends until one arrives, so that both sides know each other's hardware address.
func meet(t *testing.T, a, b net.PacketConn) {
	t.Helper()
	for range 20 {
		sendTo(t, a, b, 1, 64)
		if len(arrivals(t, b, 1, 250*time.Millisecond)) == 1 {
			arrivals(t, b, 20, 50*time.Millisecond)
			return
		}
	}
	t.Fatal("nothing passes")
}

func TestALinkIsAsFastAndAsFarAsItSays(t *testing.T) {
	t.Parallel()
	n := network(t, Link{Mbit: 8, Delay: 20 * time.Millisecond}, Link{})
	a, b := listen(t, n.Host(0)), listen(t, n.Host(1))
	meet(t, a, b)
	const frames, size = 200, 1000
	begin := time.Now()
	sendTo(t, a, b, frames, size)
	at := arrivals(t, b, frames, 2*time.Second)
	if len(at) != frames {
		t.Fatalf("%d of %d arrived", len(at), frames)
	}
	if d := at[0].Sub(begin); d < 20*time.Millisecond || d > 200*time.Millisecond {
		t.Errorf("the first took %s, the link is 21 ms long", d)
	}
	const want = 20*time.Millisecond + frames*time.Millisecond // 1000 bytes at 8 Mbit/s
	if d := at[frames-1].Sub(begin); d < want || d > 2*want {
		t.Errorf("all of it took %s, want %s", d, want)
	}
}

func TestALinkLosesItsPartInBothDirections(t *testing.T) {
	t.Parallel()
	n := network(t, Link{Mbit: 1000, Loss: 0.1, Queue: 100 << 20, Seed: 7}, Link{})
	a, b := listen(t, n.Host(0)), listen(t, n.Host(1))
	meet(t, a, b)
	for _, way := range [][2]net.PacketConn{{a, b}, {b, a}} {
		got := 0
		for range 10 { // in parts that fit a socket's buffer
			sendTo(t, way[0], way[1], 200, 100)
			got += len(arrivals(t, way[1], 200, 50*time.Millisecond))
		}
		if got < 1740 || got > 1860 { // 1800 ± 4.5 standard deviations
			t.Errorf("%d of 2000 arrived, want nine in ten", got)
		}
	}
}

func TestWhatDoesNotFitTheQueueIsDropped(t *testing.T) {
	t.Parallel()
	n := network(t, Link{Mbit: 8, Queue: 20_000}, Link{})
	a, b := listen(t, n.Host(0)), listen(t, n.Host(1))
	meet(t, a, b)
	sendTo(t, a, b, 100, 1000)
	if got := len(arrivals(t, b, 100, 500*time.Millisecond)); got < 20 || got > 40 {
		t.Errorf("%d of 100 arrived, the queue holds 20", got)
	}
}

func TestACableIsCutAndMended(t *testing.T) {
	t.Parallel()
	n := network(t, Link{Mbit: 100}, Link{})
	a, b := listen(t, n.Host(0)), listen(t, n.Host(1))
	meet(t, a, b)
	for _, h := range []*Host{n.Host(0), n.Host(1)} {
		if err := h.Down(); err != nil {
			t.Fatal(err)
		}
		sendTo(t, a, b, 3, 100) // which works: the host does not notice
		if got := arrivals(t, b, 1, 200*time.Millisecond); len(got) != 0 {
			t.Errorf("%s: %d arrived over a cut cable", h.IP(), len(got))
		}
		if err := h.Up(); err != nil {
			t.Fatal(err)
		}
		meet(t, a, b)
	}
	if err := n.Host(0).Unplug(); err != nil {
		t.Fatal(err)
	}
	if _, err := a.WriteTo([]byte("x"), b.LocalAddr()); err == nil {
		t.Error("the host did not notice that it is unplugged")
	}
	if err := n.Host(0).Plug(); err != nil {
		t.Fatal(err)
	}
	meet(t, a, b)
}

func TestCommandsRunInTheirHostAndTheirTrafficIsCounted(t *testing.T) {
	t.Parallel()
	n := network(t, Link{}, Link{})
	out, err := n.Host(1).Command("ip", "-o", "-4", "addr", "show", "eth0").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "10.77.0.2/24") {
		t.Errorf("%s (%v)", out, err)
	}
	a, b := listen(t, n.Host(0)), listen(t, n.Host(1))
	sendTo(t, a, b, 10, 1000)
	arrivals(t, b, 10, time.Second)
	sent, frames, err := n.Host(0).Sent()
	if err != nil || sent < 10_000 || frames < 10 {
		t.Errorf("sent %d bytes in %d frames (%v)", sent, frames, err)
	}
	if received, _, err := n.Host(1).Received(); err != nil || received < 10_000 {
		t.Errorf("received %d bytes (%v)", received, err)
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	t.Parallel()
	n := network(t, Link{Mbit: 10}, Link{})
	for range 2 {
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("ip", "netns", "list").Output(); err != nil || strings.Contains(string(out), n.name) {
		t.Errorf("%s (%v)", out, err)
	}
}
