package p2p

import (
	"syscall"

	"golang.org/x/sys/unix"
)

const bbr = "bbr"

// congestionHere tries BBR on a socket that goes nowhere. A program that is not root may use it when the module is loaded
// and net.ipv4.tcp_allowed_congestion_control names it.
func congestionHere() string {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return ""
	}
	defer unix.Close(fd)
	if unix.SetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION, bbr) == nil {
		return bbr
	}
	name, err := unix.GetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION)
	if err != nil {
		return ""
	}
	return name
}

func (s sockets) tune(c syscall.RawConn) {
	c.Control(func(fd uintptr) {
		if s.congestion == bbr {
			unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION, bbr)
		}
		unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(deadAfter.Milliseconds()))
		unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsentBytes)
	})
}
