package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"savoirs/node"
	"savoirs/node/api"
)

const killAt = 60 // % of the item

func resumeRow() row {
	return row{
		name: "resume", what: fmt.Sprintf("the large file over loopback, the receiver killed (-9) at %d %% and started again", killAt),
		metrics: []string{"% kept", "points lost", "s for the rest"}, limit: 2 * time.Minute,
		contenders: func(b *bench) []contender { return []contender{{ourName, b.killedFetch}} },
		demands: []demand{
			{metric: "% kept", least: killAt - 1, worst: true},
			{metric: "points lost", most: 1, worst: true}, // of what was acknowledged
		},
	}
}

// killedFetch kills a pull and looks at what is still there afterwards.
func (b *bench) killedFetch(ctx context.Context, dir string) (sample, error) {
	path, err := b.largeFile(b.size)
	if err != nil {
		return nil, err
	}
	data, root, err := b.holder(ctx, path)
	if err != nil {
		return nil, err
	}
	from, err := b.startNode(ctx, here, data, "--local")
	if err != nil {
		return nil, err
	}
	defer from.stop()
	to, err := b.startNode(ctx, here, dir, "--local")
	if err != nil {
		return nil, err
	}
	defer func() { to.stop() }()
	if err := errors.Join(to.meet(ctx, from), to.offered(ctx, root)); err != nil {
		return nil, err
	}
	acknowledged, err := to.pullAndKill(ctx, root)
	if err != nil {
		return nil, err
	}
	if to, err = b.startNode(ctx, here, dir, "--local"); err != nil {
		return nil, err
	}
	it, err := to.item(ctx, root)
	if err != nil {
		return nil, err
	}
	kept := float64(it.Have) / float64(it.Size) * 100
	start := time.Now()
	if _, _, err := to.cli(ctx, "pull", root); err != nil {
		return nil, err
	}
	s := sample{"% kept": kept, "points lost": max(0, acknowledged-kept), "s for the rest": time.Since(start).Seconds()}
	return s, sameFiles(path, dir)
}

// pullAndKill kills the node as soon as it has acknowledged killAt % of root,
// and returns how much it had.
func (n *savoirsNode) pullAndKill(ctx context.Context, root string) (percent float64, err error) {
	addr, err := os.ReadFile(filepath.Join(n.data, "http.addr"))
	if err != nil {
		return 0, err
	}
	_, err = api.NewClient(strings.TrimSpace(string(addr))).Pull(ctx, root, func(p node.Progress) {
		if p.Stage == "fetch" && p.Total > 0 && percent < killAt {
			if percent = float64(p.Done) / float64(p.Total) * 100; percent >= killAt {
				n.kill()
			}
		}
	})
	if percent < killAt {
		return 0, errors.Join(errors.New("the pull ended before it could be killed"), err)
	}
	return percent, nil
}
