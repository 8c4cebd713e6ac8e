// Package linktest makes small networks with bad links inside this machine, for tests and benchmarks: a network
// namespace for each host, a switch between them, and for each cable a user-space emulator of rate, delay, loss and queue.
//
// It is not a simulation: what runs in a host (see [Host.Command]) uses the real TCP and UDP of the kernel. The default of
// TCP is cubic there, as in most distributions, whatever this machine has; or Reno, its like on such links, where the
// machine keeps cubic from namespaces. It needs Linux, root and the ip command, and neither kernel modules nor any other
// program.
//
//	10.77.0.1 ─[ link 1 ]─┐
//	10.77.0.2 ─[ link 2 ]─┼─ switch
//	10.77.0.3 ─[ link 3 ]─┘
package linktest

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// ErrNeedsRoot is returned by New where it cannot work: not Linux, not root, or no ip command.
var ErrNeedsRoot = errors.New("network namespaces need Linux, root and the ip command")

// Link is a cable, the same in both directions. Its zero value is as fast as the machine and loses nothing.
type Link struct {
	Mbit  float64       // 10^6 bits of Ethernet frames a second; 0 is unlimited, and then the other fields mean nothing
	Delay time.Duration // one way, besides what waiting in the queue takes
	Loss  float64       // part of the frames lost, each for itself; a lost frame has used its time on the line
	Queue int           // bytes that may wait in front of the line, what comes beyond is dropped; 0 is 300 kB
	Seed  uint64        // the same seed loses the same frames of a sequence
}

// Net is a set of hosts joined by a switch, and no way out.
type Net struct {
	name  string
	hosts []*Host
	wires []*wire
}

// Host is a network namespace with one interface, eth0. Its methods may be called concurrently.
type Host struct {
	namespace, center string // center is the namespace of the switch
	port              string // interface of the switch that leads here
	ip                string
}

// New makes one host for each link, 10.77.0.1/24 for the first, and the network between them. The caller must Close it.
func New(links ...Link) (*Net, error) {
	if _, err := exec.LookPath("ip"); err != nil || runtime.GOOS != "linux" || os.Geteuid() != 0 {
		return nil, ErrNeedsRoot
	}
	n := &Net{name: "savoirs-" + strings.ToLower(rand.Text()[:8])}
	if err := n.build(links); err != nil {
		return nil, errors.Join(fmt.Errorf("make a network: %w", err), n.Close())
	}
	return n, nil
}

func (n *Net) build(links []Link) error {
	center := n.name + "-switch"
	spaces := []string{"netns add " + center}
	cables := []string{"link add br0 type bridge forward_delay 0 mcast_snooping 0", "link set br0 up"}
	for i, l := range links {
		h := &Host{
			namespace: fmt.Sprintf("%s-%d", n.name, i+1), center: center,
			port: fmt.Sprintf("port%d", i+1), ip: fmt.Sprintf("10.77.0.%d", i+1),
		}
		n.hosts = append(n.hosts, h)
		spaces = append(spaces, "netns add "+h.namespace)
		if l.Mbit == 0 {
			cables = append(cables, fmt.Sprintf("link add %s type veth peer name eth0 netns %s", h.port, h.namespace))
		} else { // the wire joins the two inner ends: eth0 ═ near ~wire~ far ═ port
			cables = append(cables,
				fmt.Sprintf("link add near%d type veth peer name eth0 netns %s", i+1, h.namespace),
				fmt.Sprintf("link add far%d type veth peer name %s", i+1, h.port),
				fmt.Sprintf("link set near%d up", i+1),
				fmt.Sprintf("link set far%d up", i+1))
		}
		cables = append(cables, fmt.Sprintf("link set %s up master br0", h.port))
	}
	if err := ip("", spaces...); err != nil {
		return err
	}
	if err := ip(center, cables...); err != nil {
		return err
	}
	for i, l := range links {
		h := n.hosts[i]
		if err := ip(h.namespace, "link set lo up", "addr add "+h.ip+"/24 dev eth0", "link set eth0 up"); err != nil {
			return err
		}
		if err := plainTCP(h.namespace); err != nil {
			return err
		}
		if l.Mbit == 0 {
			continue
		}
		if err := wholeFrames(h.namespace, "eth0"); err != nil {
			return err
		}
		if err := wholeFrames(center, h.port); err != nil {
			return err
		}
		w, err := openWire(center, fmt.Sprintf("near%d", i+1), fmt.Sprintf("far%d", i+1), l)
		if err != nil {
			return err
		}
		n.wires = append(n.wires, w)
	}
	return nil
}

// Close removes all that New made. What still runs in a host keeps running, with no network. It may be called twice.
func (n *Net) Close() error {
	for _, w := range n.wires {
		w.close()
	}
	n.wires = nil
	listed, err := exec.Command("ip", "netns", "list").Output()
	if err != nil {
		return fmt.Errorf("remove the network: %w", err)
	}
	var remove []string
	for line := range strings.Lines(string(listed)) {
		if name := strings.Fields(line); len(name) > 0 && strings.HasPrefix(name[0], n.name+"-") {
			remove = append(remove, "netns del "+name[0])
		}
	}
	if len(remove) == 0 {
		return nil
	}
	if err := ip("", remove...); err != nil {
		return fmt.Errorf("remove the network: %w", err)
	}
	return nil
}

// Host returns the host of the link with index i, from 0.
func (n *Net) Host(i int) *Host { return n.hosts[i] }

// IP is the IPv4 address of the host.
func (h *Host) IP() string { return h.ip }

// Command is a command that will run in the host.
func (h *Host) Command(name string, args ...string) *exec.Cmd {
	return exec.Command("ip", append([]string{"netns", "exec", h.namespace, name}, args...)...)
}

// Down cuts the cable at the switch: all is lost, and the host does not notice. Down twice is Down.
func (h *Host) Down() error { return ip(h.center, "link set "+h.port+" nomaster") }

// Up mends what Down cut.
func (h *Host) Up() error { return ip(h.center, "link set "+h.port+" master br0") }

// Unplug takes the interface of the host down, so that the host notices at once.
func (h *Host) Unplug() error { return ip(h.namespace, "link set eth0 down") }

// Plug takes it up again, with the address it had.
func (h *Host) Plug() error { return ip(h.namespace, "link set eth0 up") }

// Sent counts what has left the interface of the host since New, with Ethernet headers, also what was lost afterwards.
func (h *Host) Sent() (bytes, packets int64, err error) {
	tx, _, err := h.counters()
	return tx.Bytes, tx.Packets, err
}

// Received counts what has reached the host since New, with Ethernet headers.
func (h *Host) Received() (bytes, packets int64, err error) {
	_, rx, err := h.counters()
	return rx.Bytes, rx.Packets, err
}

type counter struct {
	Bytes   int64 `json:"bytes"`
	Packets int64 `json:"packets"`
}

func (h *Host) counters() (tx, rx counter, err error) {
	out, err := exec.Command("ip", "-n", h.namespace, "-s", "-j", "link", "show", "eth0").Output()
	if err != nil {
		return tx, rx, fmt.Errorf("counters of %s: %w", h.ip, err)
	}
	var shown []struct {
		Stats struct {
			TX counter `json:"tx"`
			RX counter `json:"rx"`
		} `json:"stats64"`
	}
	if err := json.Unmarshal(out, &shown); err != nil || len(shown) != 1 {
		return tx, rx, fmt.Errorf("counters of %s: %q: %w", h.ip, out, err)
	}
	return shown[0].Stats.TX, shown[0].Stats.RX, nil
}

// ip runs lines of the ip command in a namespace, "" for the one we are in, until one does not work.
func ip(namespace string, lines ...string) error {
	args := []string{"-batch", "-"}
	if namespace != "" {
		args = append([]string{"-n", namespace}, args...)
	}
	cmd := exec.Command("ip", args...)
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(lines, "; "), err, out)
	}
	return nil
}
