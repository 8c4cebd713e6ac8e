package p2p

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// noticeLinks calls changed whenever the kernel tells of a link or an address, until ctx ends; only then it returns nil.
// Between messages it sleeps.
func noticeLinks(ctx context.Context, changed func()) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("watch links: %w", err)
	}
	f := os.NewFile(uintptr(fd), "netlink") // through the poller of the runtime, as it does not block
	defer f.Close()
	groups := uint32(unix.RTMGRP_LINK | unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV6_IFADDR)
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}); err != nil {
		return fmt.Errorf("watch links: %w", err)
	}
	defer context.AfterFunc(ctx, func() { f.Close() })()
	buf := make([]byte, 16<<10)
	for {
		_, err := f.Read(buf)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && !errors.Is(err, unix.ENOBUFS) { // with ENOBUFS, messages were lost: something changed
			return fmt.Errorf("watch links: %w", err)
		}
		changed()
	}
}
