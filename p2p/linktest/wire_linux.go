package linktest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	defaultQueue = 300_000 // bytes, some 200 full frames
	// maxFrames bounds the frames on their way, however small.
	maxFrames = 1 << 14
	maxFrame  = 65_600
)

// wire carries frames between two interfaces as a link would.
type wire struct {
	ends    []*os.File
	running sync.WaitGroup
}

// openWire joins two interfaces of a namespace.
func openWire(namespace, a, b string, l Link) (*wire, error) {
	if l.Queue == 0 {
		l.Queue = defaultQueue
	}
	w := &wire{}
	err := inNamespace(namespace, func() error {
		for _, name := range []string{a, b} {
			f, err := openInterface(name)
			if err != nil {
				return err
			}
			w.ends = append(w.ends, f)
		}
		return nil
	})
	if err != nil {
		w.close()
		return nil, err
	}
	for i := range w.ends {
		from, to, frames := w.ends[i], w.ends[1-i], make(chan frame, maxFrames)
		loss := rand.New(rand.NewPCG(l.Seed, uint64(i)))
		w.running.Go(func() { send(from, frames, l, loss) })
		w.running.Go(func() { deliver(frames, to) })
	}
	return w, nil
}

func (w *wire) close() {
	for _, f := range w.ends {
		f.Close()
	}
	w.running.Wait()
}

// openInterface opens a raw socket that sees every frame an interface receives, whomever it is for, and sends frames as
// they are given.
func openInterface(name string) (*os.File, error) {
	in, err := net.InterfaceByName(name)
	if err != nil {
		return nil, fmt.Errorf("interface %s: %w", name, err)
	}
	const everything = unix.ETH_P_ALL<<8&0xff00 | unix.ETH_P_ALL>>8 // in network order
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("raw socket: %w", err)
	}
	f := os.NewFile(uintptr(fd), name)
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8<<20),
		unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1),
		unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP,
			&unix.PacketMreq{Ifindex: int32(in.Index), Type: unix.PACKET_MR_PROMISC}),
		unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: everything, Ifindex: in.Index}))
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("raw socket on %s: %w", name, err)
	}
	return f, nil
}

// frame is on its way and arrives at a moment.
type frame struct {
	data []byte
	at   time.Time
}

// send puts the frames of an interface on the line one after the other, at its rate, until the interface is closed.
func send(from *os.File, frames chan<- frame, l Link, loss *rand.Rand) {
	defer close(frames)
	perByte := 8e3 / l.Mbit // nanoseconds
	buf := make([]byte, maxFrame)
	var idle time.Time // when all that waits will be on its way
	for {
		n, err := from.Read(buf)
		if errors.Is(err, unix.ENETDOWN) {
			continue
		}
		if err != nil {
			return
		}
		now := time.Now()
		if idle.Before(now) {
			idle = now
		}
		if float64(idle.Sub(now))/perByte > float64(l.Queue) {
			continue
		}
		idle = idle.Add(time.Duration(float64(n) * perByte))
		if loss.Float64() < l.Loss {
			continue
		}
		select {
		case frames <- frame{append([]byte(nil), buf[:n]...), idle.Add(l.Delay)}:
		default:
		}
	}
}

// deliver hands over each frame when it is due. What an interface does not take is lost, as on a line.
func deliver(frames <-chan frame, to *os.File) {
	for f := range frames {
		time.Sleep(time.Until(f.at))
		to.Write(f.data)
	}
}
