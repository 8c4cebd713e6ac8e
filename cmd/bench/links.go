package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"savoirs/p2p/linktest"
)

// village is a bad link and what is sent over it.
type village struct {
	link linktest.Link
	size int64
}

var (
	lossyWiFi = village{linktest.Link{Mbit: 20, Delay: 15 * time.Millisecond, Loss: .01, Seed: 1}, 20 << 20}
	farWiFi   = village{linktest.Link{Mbit: 5, Delay: 40 * time.Millisecond, Loss: .05, Seed: 2}, 5 << 20}
)

func (v village) String() string {
	size := bytesFlag(v.size)
	return fmt.Sprintf("%s over %g Mbit/s, %s, %g %% loss", &size, v.link.Mbit, v.link.Delay, v.link.Loss*100)
}

// ideal is how long it takes at line rate.
func (v village) ideal() float64 { return float64(v.size) * 8 / (v.link.Mbit * 1e6) }

// congestion chooses cubic, as Debian does, or Reno where the kernel lets no
// namespace have cubic; at these rates they are alike.
const congestion = "cd /proc/sys/net/ipv4; { echo cubic > tcp_congestion_control; } 2>/dev/null || echo reno > tcp_congestion_control"

// emulate makes a network of hosts that use the congestion control most
// systems come with.
func emulate(links ...linktest.Link) (*linktest.Net, error) {
	net, err := linktest.New(links...)
	if errors.Is(err, linktest.ErrNeedsRoot) {
		return nil, absent(err.Error())
	}
	if err != nil {
		return nil, err
	}
	for i := range links {
		if out, err := net.Host(i).Command("sh", "-c", congestion).CombinedOutput(); err != nil {
			return nil, errors.Join(fmt.Errorf("choose the congestion control: %w: %s", err, out), net.Close())
		}
	}
	return net, nil
}

func placeOf(h *linktest.Host) place { return place{ip: h.IP(), command: h.Command} }

// Addresses on which our nodes listen in an emulated network.
func onTCP(p place) []string {
	return []string{"--mdns=false", "--listen", "/ip4/" + p.ip + "/tcp/4117"}
}
func onQUIC(p place) []string {
	return []string{"--mdns=false", "--listen", "/ip4/" + p.ip + "/udp/4117/quic-v1"}
}

// across makes a contender that fetches what the village gets over its link.
func (b *bench) across(v village, name string, f fetch, listen func(place) []string) contender {
	return contender{name, func(ctx context.Context, dir string) (sample, error) {
		path, err := b.largeFile(v.size)
		if err != nil {
			return nil, err
		}
		net, err := emulate(v.link, linktest.Link{})
		if err != nil {
			return nil, err
		}
		defer net.Close()
		way := road{from: placeOf(net.Host(0)), to: placeOf(net.Host(1)), serve: listen}
		s, err := f(ctx, way, path, dir)
		if err != nil {
			return nil, err
		}
		s["% of line"] = v.ideal() / s["s"] * 100
		return s, nil
	}}
}

func linkRow(name string, v village, share float64) row {
	return row{
		name: name, what: v.String(),
		metrics: []string{"% of line", "s"}, limit: 4 * time.Minute,
		contenders: func(b *bench) []contender {
			return []contender{
				b.across(v, ourName, b.ourFetch, onTCP),
				b.across(v, "savoirs over QUIC", b.ourFetch, onQUIC),
				b.across(v, "raw QUIC stream", rawFetch("udp/0/quic-v1"), nil),
				b.across(v, "rsync", b.rsyncFetch, nil),
				b.across(v, "kubo", b.kuboFetch(kuboDefault), nil),
			}
		},
		demands: []demand{
			{metric: "% of line", least: share},
			{who: "savoirs over QUIC", metric: "% of line", than: "raw QUIC stream", least: .9},
		},
	}
}

const (
	cutAfter = 3 * time.Second
	cutFor   = 20 * time.Second
)

// cutRow cuts the cable of the holder in the middle.
func cutRow() row {
	v := lossyWiFi
	return row{
		name: "cut", what: fmt.Sprintf("%s, the cable cut after %s for %s", v, cutAfter, cutFor),
		metrics: []string{"s beyond the ideal", "s"}, limit: 3 * time.Minute, runs: 5,
		contenders: func(b *bench) []contender {
			return []contender{{ourName, func(ctx context.Context, dir string) (sample, error) { return b.cutFetch(ctx, v, dir) }}}
		},
		demands: []demand{{metric: "s beyond the ideal", most: 4, worst: true}},
	}
}

func (b *bench) cutFetch(ctx context.Context, v village, dir string) (sample, error) {
	path, err := b.largeFile(v.size)
	if err != nil {
		return nil, err
	}
	net, err := emulate(v.link, linktest.Link{})
	if err != nil {
		return nil, err
	}
	defer net.Close()
	data, root, err := b.holder(ctx, path)
	if err != nil {
		return nil, err
	}
	way := road{from: placeOf(net.Host(0)), to: placeOf(net.Host(1)), serve: onTCP}
	from, err := b.startNode(ctx, way.from, data, way.serve(way.from)...)
	if err != nil {
		return nil, err
	}
	defer from.stop()
	var cutting sync.WaitGroup
	var cutErr error
	s, err := b.pullFrom(ctx, way, path, root, dir, func() { cutting.Go(func() { cutErr = cutCable(ctx, net.Host(0)) }) }, from)
	cutting.Wait()
	if err := errors.Join(err, cutErr); err != nil {
		return nil, err
	}
	s["s beyond the ideal"] = s["s"] - v.ideal() - cutFor.Seconds()
	return s, nil
}

// cutCable cuts a cable after a while and mends it.
func cutCable(ctx context.Context, h *linktest.Host) error {
	if err := pause(ctx, cutAfter); err != nil {
		return err
	}
	if err := h.Down(); err != nil {
		return err
	}
	return errors.Join(pause(ctx, cutFor), h.Up())
}

// holdersRow has several nodes behind slow cables share the work.
func holdersRow() row {
	v := village{linktest.Link{Mbit: 20, Delay: 5 * time.Millisecond}, 60 << 20}
	run := func(b *bench, n int) func(context.Context, string) (sample, error) {
		return func(ctx context.Context, dir string) (sample, error) { return b.fetchFromMany(ctx, v, n, dir) }
	}
	return row{
		name: "holders", what: v.String() + " from each of three holders",
		metrics: []string{"s"}, limit: 3 * time.Minute,
		contenders: func(b *bench) []contender {
			return []contender{{ourName, run(b, 3)}, {"savoirs from one", run(b, 1)}}
		},
		demands: []demand{{metric: "s", than: "savoirs from one", speed: true, least: 2.7}},
	}
}

func (b *bench) fetchFromMany(ctx context.Context, v village, n int, dir string) (sample, error) {
	path, err := b.largeFile(v.size)
	if err != nil {
		return nil, err
	}
	first, root, err := b.holder(ctx, path)
	if err != nil {
		return nil, err
	}
	data := []string{first}
	for i := 1; i < n; i++ {
		d, err := b.copyOf(ctx, path, i)
		if err != nil {
			return nil, err
		}
		data = append(data, d)
	}
	links := []linktest.Link{{}}
	for range n {
		links = append(links, v.link)
	}
	net, err := emulate(links...)
	if err != nil {
		return nil, err
	}
	defer net.Close()
	way := road{to: placeOf(net.Host(0)), serve: onTCP}
	var holders []*savoirsNode
	for i, d := range data {
		at := placeOf(net.Host(i + 1))
		h, err := b.startNode(ctx, at, d, way.serve(at)...)
		if err != nil {
			return nil, err
		}
		defer h.stop()
		holders = append(holders, h)
	}
	return b.pullFrom(ctx, way, path, root, dir, nil, holders...)
}
