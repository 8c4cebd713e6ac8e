package p2p

import (
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"savoirs/p2p/linktest"
)

func TestASocketOfEitherFamilyIsMadeFitForBadLinks(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		ln, err := net.Listen("tcp", address)
		if err != nil {
			t.Skip(err)
		}
		c, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		raw, err := c.(*net.TCPConn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		s := newSockets()
		s.tune(raw)
		raw.Control(func(fd uintptr) {
			if got, err := unix.GetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION); err != nil || got != s.congestion {
				t.Errorf("%s: %q, the node says %q (%v)", address, got, s.congestion, err)
			}
			for option, want := range map[int]int{unix.TCP_USER_TIMEOUT: 15_000, unix.TCP_NOTSENT_LOWAT: unsentBytes} {
				if got, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, option); err != nil || got != want {
					t.Errorf("%s: option %d is %d, want %d (%v)", address, option, got, want, err)
				}
			}
		})
		c.Close()
		ln.Close()
	}
}

func TestBothSidesOfALinkUseTheCongestionControlForIt(t *testing.T) {
	t.Parallel()
	want := " " + congestionHere() + " "
	f := transfer{
		net:        linkedHosts(t, linktest.Link{Mbit: 10, Delay: 10 * time.Millisecond, Loss: .02}, linktest.Link{}),
		transports: "tcp+quic", bytes: 1 << 20,
	}
	f.during = func(t *testing.T) {
		for i := range 2 {
			out, err := f.net.Host(i).Command("ss", "-tinH").Output()
			if err != nil || !strings.Contains(string(out), want) || strings.Count(string(out), "\n") != 2 {
				t.Errorf("host %d, want%s(%v):\n%s", i, want, err, out)
			}
		}
	}
	if took, transport := f.run(t, 2, time.Minute); transport != "tcp" {
		t.Errorf("fetched by %s in %s", transport, took)
	}
}
