package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"savoirs/node"
	"savoirs/p2p/linktest"
)

// school is how many nodes are behind one address.
const school = 40

func reconnectRow() row {
	return row{
		name: "reconnect", what: fmt.Sprintf("%d nodes behind one address and the node they know, all killed and started at once", school),
		metrics: []string{"s until all are back", "s until the first", "back"}, limit: 4 * time.Minute, runs: 1,
		contenders: func(b *bench) []contender { return []contender{{ourName, b.powerCut}} },
		demands:    []demand{{metric: "s until all are back", most: 60}},
	}
}

// powerCut ends a school and its neighbour as a power cut does, and times how
// long it takes until all are connected again. Starting that many programs on
// this machine is part of it.
func (b *bench) powerCut(ctx context.Context, dir string) (sample, error) {
	net, err := emulate(linktest.Link{}, linktest.Link{})
	if err != nil {
		return nil, err
	}
	defer net.Close()
	at, away := placeOf(net.Host(0)), placeOf(net.Host(1))
	known, err := b.startNode(ctx, at, filepath.Join(dir, "known"), onTCP(at)...)
	if err != nil {
		return nil, err
	}
	defer func() { known.kill() }()
	var id node.MeshID
	if err := known.ask(ctx, &id, "mesh", "id"); err != nil {
		return nil, err
	}
	start := func(i int) (*process, error) {
		return away.start(nil, b.savoirs, "serve", "--data", filepath.Join(dir, fmt.Sprint("pupil", i)), "--http", "127.0.0.1:0", "--engine", "none", "--ollama-host", "none",
			"--mdns=false", "--listen", "/ip4/"+away.ip+"/tcp/0", "--peers", id.Addrs[0])
	}
	var pupils []*process
	defer func() {
		for _, p := range pupils {
			p.kill()
		}
	}()
	all := func() error {
		for i := range school {
			p, err := start(i)
			if err != nil {
				return err
			}
			pupils = append(pupils, p)
		}
		return nil
	}
	for i := range school {
		if _, _, err := away.run(ctx, b.savoirs, "init", "-q", "--data", filepath.Join(dir, fmt.Sprint("pupil", i)), "--lang", "fr", "--territory", "bench"); err != nil {
			return nil, err
		}
	}
	if err := all(); err != nil {
		return nil, err
	}
	if _, n, err := known.whenAllAreHere(ctx, school); err != nil {
		return nil, fmt.Errorf("%d of %d came at first: %w", n, school, err)
	}
	for _, p := range append(pupils, known.process) {
		p.kill()
	}
	pupils = nil
	begin := time.Now()
	if err := all(); err != nil {
		return nil, err
	}
	if known, err = b.startNode(ctx, at, known.data, onTCP(at)...); err != nil {
		return nil, err
	}
	first, n, err := known.whenAllAreHere(ctx, school)
	s := sample{"back": float64(n), "s until the first": first.Sub(begin).Seconds(), "s until all are back": time.Since(begin).Seconds()}
	if err != nil {
		return nil, fmt.Errorf("%d of %d came back in %.0f s: %w", n, school, time.Since(begin).Seconds(), err)
	}
	return s, nil
}

// whenAllAreHere waits until the node has want neighbours, for a minute and a
// half at most. It returns when the first was seen and how many there are.
func (n *savoirsNode) whenAllAreHere(ctx context.Context, want int) (first time.Time, here int, err error) {
	ctx, cancel := context.WithTimeout(ctx, 90*time.Second)
	defer cancel()
	for {
		if here, err = n.peers(ctx); err != nil {
			return first, here, err
		}
		if here > 0 && first.IsZero() {
			first = time.Now()
		}
		if here >= want {
			return first, here, nil
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return first, here, err
		}
	}
}
