package p2p

import (
	"errors"
	"fmt"
	"net"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

var (
	errLinkBroke = errors.New("a socket of the link broke")
	errNoLink    = errors.New("no interface to ask on")
)

// A packetReader gives one packet that came by multicast; n is 0 for any other.
type packetReader func(buf []byte) (n int, err error)

// segment is the multicast DNS sockets on the interfaces that were up when it was opened, for one mesh.
type segment struct {
	words      vocabulary
	interfaces []net.Interface
	reads      []packetReader
	writes     []func(b []byte, index int)
	closers    []func() error
}

// openSegment joins the groups of IPv4 and IPv6 wherever it can; one of them on one interface is enough.
func openSegment(k MeshKey) (*segment, error) {
	words, err := newVocabulary(k)
	if err != nil {
		return nil, err
	}
	l := &segment{words: words}
	all, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("open segment: %w", err)
	}
	const wanted = net.FlagUp | net.FlagMulticast
	for _, i := range all {
		if i.Flags&wanted == wanted {
			l.interfaces = append(l.interfaces, i)
		}
	}
	if err := errors.Join(l.join4(), l.join6()); len(l.reads) == 0 {
		return nil, fmt.Errorf("open segment: %w", errors.Join(errNoLink, err))
	}
	return l, nil
}

func (l *segment) join4() error {
	group := &net.UDPAddr{IP: net.IPv4(224, 0, 0, 251), Port: 5353}
	c, err := net.ListenUDP("udp4", group) // for a group, Go shares the port with other responders and binds to all addresses
	if err != nil {
		return err
	}
	p := ipv4.NewPacketConn(c)
	joined := 0
	for _, i := range l.interfaces {
		if p.JoinGroup(&i, group) == nil {
			joined++
		}
	}
	if joined == 0 {
		return c.Close()
	}
	_ = p.SetControlMessage(ipv4.FlagDst, true) // without it, cm is nil below
	_ = p.SetMulticastTTL(255)                  // as RFC 6762, 11 wants
	l.reads = append(l.reads, func(buf []byte) (int, error) {
		n, cm, _, err := p.ReadFrom(buf)
		if cm != nil && !cm.Dst.IsMulticast() {
			n = 0
		}
		return n, err
	})
	l.writes = append(l.writes, func(b []byte, index int) {
		_, _ = p.WriteTo(b, &ipv4.ControlMessage{IfIndex: index}, group) // an interface may be down by now
	})
	l.closers = append(l.closers, c.Close)
	return nil
}

func (l *segment) join6() error {
	group := &net.UDPAddr{IP: net.ParseIP("ff02::fb"), Port: 5353}
	c, err := net.ListenUDP("udp6", group)
	if err != nil {
		return err
	}
	p := ipv6.NewPacketConn(c)
	joined := 0
	for _, i := range l.interfaces {
		if p.JoinGroup(&i, group) == nil {
			joined++
		}
	}
	if joined == 0 {
		return c.Close()
	}
	_ = p.SetControlMessage(ipv6.FlagDst, true)
	_ = p.SetMulticastHopLimit(255)
	l.reads = append(l.reads, func(buf []byte) (int, error) {
		n, cm, _, err := p.ReadFrom(buf)
		if cm != nil && !cm.Dst.IsMulticast() {
			n = 0
		}
		return n, err
	})
	l.writes = append(l.writes, func(b []byte, index int) {
		_, _ = p.WriteTo(b, &ipv6.ControlMessage{IfIndex: index}, group)
	})
	l.closers = append(l.closers, c.Close)
	return nil
}

// listen reads until the link is closed or breaks, and returns errLinkBroke: it never tries a broken socket again.
func (l *segment) listen(read packetReader, asked func(), told func(Invite)) error {
	buf := make([]byte, 9000) // RFC 6762, 17
	for {
		n, err := read(buf)
		if err != nil {
			return fmt.Errorf("%w: %w", errLinkBroke, err)
		}
		question, invites := l.words.hear(buf[:n])
		if question {
			asked()
		}
		for _, i := range invites {
			told(i)
		}
	}
}

// ask asks on every interface who is there.
func (l *segment) ask() {
	for _, i := range l.interfaces {
		l.say(l.words.question(), i)
	}
}

// tell says on every interface what `what` gives for it.
func (l *segment) tell(what func(net.Interface) (Invite, bool)) {
	for _, i := range l.interfaces {
		if invite, ok := what(i); ok {
			l.say(l.words.answer(invite), i)
		}
	}
}

func (l *segment) say(b []byte, i net.Interface) {
	for _, write := range l.writes {
		write(b, i.Index)
	}
}

func (l *segment) close() {
	for _, c := range l.closers {
		c()
	}
}
