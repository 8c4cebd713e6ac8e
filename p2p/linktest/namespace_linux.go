package linktest

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// inNamespace calls f in a network namespace: the sockets that f opens itself stay there for good.
func inNamespace(name string, f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never back: the thread ends with this goroutine, so nothing else can run on it
		done <- func() error {
			ns, err := os.Open(filepath.Join("/run/netns", name))
			if err != nil {
				return err
			}
			defer ns.Close()
			if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
				return fmt.Errorf("enter namespace %s: %w", name, err)
			}
			return f()
		}()
	}()
	return <-done
}

// plainTCP makes cubic, or else Reno, the congestion control of the sockets that choose none.
func plainTCP(namespace string) error {
	return inNamespace(namespace, func() error {
		const name = "/proc/sys/net/ipv4/tcp_congestion_control"
		if os.WriteFile(name, []byte("cubic"), 0o644) == nil {
			return nil
		}
		return os.WriteFile(name, []byte("reno"), 0o644) // which no kernel keeps from anybody
	})
}

// wholeFrames makes an interface send frames as a cable carries them: cut to its MTU and with their checksums, which
// otherwise is left to hardware that is not there.
func wholeFrames(namespace, name string) error {
	return inNamespace(namespace, func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		for _, command := range []uint32{unix.ETHTOOL_STXCSUM, unix.ETHTOOL_STSO, unix.ETHTOOL_SGSO, unix.ETHTOOL_SGRO} {
			off := struct{ command, value uint32 }{command, 0} // struct ethtool_value
			request := struct {                                // struct ifreq
				name [unix.IFNAMSIZ]byte
				data unsafe.Pointer
				_    [16]byte
			}{data: unsafe.Pointer(&off)}
			copy(request.name[:], name)
			if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request))); errno != 0 {
				return fmt.Errorf("switch offload %#x of %s off: %w", command, name, errno)
			}
		}
		return nil
	})
}
