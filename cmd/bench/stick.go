package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"savoirs/node"
)

// benchStick measures what travels by hand beside cp and kubo, and proves by
// many accidents that nothing is lost on the way and nothing wrong arrives.
func benchStick(ctx context.Context, args []string) error {
	return benchRows(ctx, "bench stick", stickRows(), args)
}

// stickRows are what `bench stick` measures, in the order of the report.
func stickRows() []row {
	return []row{packRow(), loadRow(), mutateRow(), homeRow()}
}

// pack writes all that the node has published to the drive dir.
func (n *savoirsNode) pack(ctx context.Context, dir string, flags ...string) (usage, error) {
	if len(flags) == 0 {
		flags = []string{"--all"}
	}
	_, u, err := n.cli(ctx, append([]string{"stick", "pack", dir, "--yes"}, flags...)...)
	return u, err
}

// load takes what the drive dir carries.
func (n *savoirsNode) load(ctx context.Context, dir string) (node.Loaded, usage, error) {
	var l node.Loaded
	out, u, err := n.cli(ctx, "stick", "load", dir)
	if err != nil {
		return l, u, err
	}
	if err := json.Unmarshal(out, &l); err != nil {
		return l, u, fmt.Errorf("read what was loaded: %w", err)
	}
	return l, u, nil
}

// resident is the memory of a process at its highest, in MB: all of it, and the
// parts of it that are its own and that map files, which the system takes back
// when it needs them.
type resident struct{ all, anon, file float64 }

// watchMemory looks at a process every few milliseconds until stop is called,
// which gives the highest it saw.
func watchMemory(p *process) (stop func() resident) {
	var high resident
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		look := time.NewTicker(5 * time.Millisecond)
		defer look.Stop()
		for {
			high.all = max(high.all, p.memory("VmRSS"))
			high.anon = max(high.anon, p.memory("RssAnon"))
			high.file = max(high.file, p.memory("RssFile"))
			select {
			case <-end:
				return
			case <-look.C:
			}
		}
	}()
	return func() resident {
		close(end)
		<-ended
		return high
	}
}

// during times work of the node, with what the node and the command cost.
func (n *savoirsNode) during(work func() (usage, error)) (sample, error) {
	before, stop, start := n.used(), watchMemory(n.process), time.Now()
	client, err := work()
	took := time.Since(start)
	high := stop()
	if err != nil {
		return nil, err
	}
	return sample{
		"s": took.Seconds(), "CPU s": n.used().cpu - before.cpu + client.cpu,
		"RSS MB": max(high.all, n.memory("VmHWM")), colAnon: high.anon, colMapped: high.file,
	}, nil
}

// arrivedWhole fails unless so many items came and each of them is whole.
func arrivedWhole(l node.Loaded, items int) error {
	if len(l.Items) != items {
		return fmt.Errorf("%d items came, not %d", len(l.Items), items)
	}
	for _, it := range l.Items {
		if it.State != node.Delivered && it.State != node.Waits {
			return fmt.Errorf("%q is %s %s", it.Title, it.State, it.Why)
		}
	}
	return nil
}
