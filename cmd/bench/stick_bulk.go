package main

import (
	"context"
	"path/filepath"
	"time"
)

// Every run writes to a new folder of the same disk, and what it has written
// is flushed when its time ends.

func packRow() row {
	return row{
		name: "pack", what: "the large file to a stick, which is a folder of this disk",
		metrics: []string{"s", "CPU s", "RSS MB", colAnon, colMapped}, limit: 2 * time.Minute,
		contenders: func(b *bench) []contender {
			return []contender{
				{ourName, b.ourPack},
				{"kubo dag export", b.kuboExport},
				over(loopback, func() (string, error) { return b.largeFile(b.size) }, "cp and flush", diskFetch),
			}
		},
		demands: []demand{{metric: "s", than: "cp and flush", most: 1.3}, {metric: "RSS MB", most: 100}},
	}
}

func loadRow() row {
	return row{
		name: "load", what: "the same stick at a node that has nothing",
		metrics: []string{"s", "CPU s", "RSS MB", colAnon, colMapped}, limit: 2 * time.Minute,
		contenders: func(b *bench) []contender {
			return []contender{
				{ourName, b.ourLoad},
				{"kubo dag import", b.kuboImport},
				{"cp and flush", func(ctx context.Context, dir string) (sample, error) {
					drive, err := b.largeStick(ctx)
					if err != nil {
						return nil, err
					}
					return diskFetch(ctx, loopback, drive, dir)
				}},
			}
		},
		demands: []demand{{metric: "s", than: "cp and flush", most: 1.3}, {metric: "RSS MB", most: 100}},
	}
}

func (b *bench) ourPack(ctx context.Context, dir string) (sample, error) {
	path, err := b.largeFile(b.size)
	if err != nil {
		return nil, err
	}
	data, _, err := b.holder(ctx, path)
	if err != nil {
		return nil, err
	}
	n, err := b.startNode(ctx, here, data, "--local")
	if err != nil {
		return nil, err
	}
	defer n.stop()
	return n.during(func() (usage, error) { return n.pack(ctx, dir) })
}

// largeStick is a stick with the large file.
func (b *bench) largeStick(ctx context.Context) (string, error) {
	return b.prepare("a stick with the large file", func(dir string) error {
		_, err := b.ourPack(ctx, dir)
		return err
	})
}

func (b *bench) ourLoad(ctx context.Context, dir string) (sample, error) {
	drive, err := b.largeStick(ctx)
	if err != nil {
		return nil, err
	}
	n, err := b.startNode(ctx, here, dir, "--local")
	if err != nil {
		return nil, err
	}
	defer n.stop()
	s, err := n.during(func() (usage, error) {
		l, u, err := n.load(ctx, drive)
		if err == nil {
			err = arrivedWhole(l, 1)
		}
		return u, err
	})
	if err != nil {
		return nil, err
	}
	path, err := b.largeFile(b.size)
	if err != nil {
		return nil, err
	}
	return s, sameFiles(path, dir)
}

// kuboExport writes the same DAG as one CAR.
func (b *bench) kuboExport(ctx context.Context, dir string) (sample, error) {
	path, err := b.largeFile(b.size)
	if err != nil {
		return nil, err
	}
	repo, root, err := b.kuboHolder(ctx, path, kuboMiB)
	if err != nil {
		return nil, err
	}
	k := &kuboNode{b: b, at: here, repo: repo}
	start := time.Now()
	_, u, err := here.runEnv(ctx, k.env(), "sh", "-c", `exec "$0" dag export --progress=false "$1" > "$2"`, b.kubo, root, filepath.Join(dir, "large.car"))
	if err != nil {
		return nil, err
	}
	if err := flushDisk(dir); err != nil {
		return nil, err
	}
	return timed(start, u), nil
}

func (b *bench) kuboImport(ctx context.Context, dir string) (sample, error) {
	drive, err := b.prepare("a CAR of kubo", func(dir string) error {
		_, err := b.kuboExport(ctx, dir)
		return err
	})
	if err != nil {
		return nil, err
	}
	k, err := b.kuboRepo(ctx, dir)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	_, u, err := k.cli(ctx, "dag", "import", "--pin-roots=false", filepath.Join(drive, "large.car"))
	if err != nil {
		return nil, err
	}
	if err := flushDisk(dir); err != nil {
		return nil, err
	}
	return timed(start, u), nil
}
