package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"savoirs/node"
)

const (
	mutations = 1000
	colSound  = "sound" // accidents after which nothing wrong was taken and nothing lost
)

func mutateRow() row {
	return row{
		name: "mutate", what: "one byte of a packed stick is another, and a new node loads it: refused or harmless, never other content",
		metrics: []string{colSound, "refused", "harmless", "s"}, limit: 15 * time.Minute, runs: 1,
		contenders: func(b *bench) []contender { return []contender{{ourName, mutateStick}} },
		demands:    []demand{{metric: colSound, least: mutations}},
	}
}

func mutateStick(ctx context.Context, dir string) (sample, error) {
	s, err := newShelf(ctx, filepath.Join(dir, "shelf"), 4, 20<<10)
	if err != nil {
		return nil, err
	}
	defer s.close()
	packed := filepath.Join(dir, "packed")
	if err := os.Mkdir(packed, 0o755); err != nil {
		return nil, err
	}
	if _, err := s.node.PackStick(ctx, packed, node.PackOptions{All: true}, nil); err != nil {
		return nil, err
	}
	start := time.Now()
	found := sample{colSound: 0, "refused": 0, "harmless": 0}
	chance := rand.New(newNoise(20))
	for i := range mutations {
		at := filepath.Join(dir, "one")
		what, refused, err := s.mutation(ctx, at, packed, chance)
		if errors.Is(err, errOther) {
			fmt.Fprintf(os.Stderr, "mutation %d, %s: %v\n", i, what, err)
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("mutation %d, %s: %w", i, what, err)
		}
		found[colSound]++
		if refused {
			found["refused"]++
		} else {
			found["harmless"]++
		}
	}
	found["s"] = time.Since(start).Seconds()
	return found, nil
}

// mutation copies the stick to a folder, changes a byte and has a new node load
// it. It says which, and whether anything was refused.
func (s *shelf) mutation(ctx context.Context, at, packed string, chance *rand.Rand) (what string, refused bool, err error) {
	defer func() { err = errors.Join(err, os.RemoveAll(at)) }()
	drive := filepath.Join(at, "drive")
	if err := os.CopyFS(drive, os.DirFS(packed)); err != nil {
		return "", false, err
	}
	if what, err = changeByte(drive, chance); err != nil {
		return what, false, err
	}
	f, n, err := s.reader(ctx, at)
	if err != nil {
		return what, false, err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	l, loadErr := n.LoadStick(ctx, drive, nil)
	if ctx.Err() != nil {
		return what, false, ctx.Err()
	}
	whole, err := s.sameAt(ctx, n)
	refused = loadErr != nil || len(l.Refused) > 0 || whole < len(s.items)
	return what, refused, err
}

// changeByte changes one byte of one file; small files are chosen as often as
// large ones in half of the cases.
func changeByte(dir string, chance *rand.Rand) (string, error) {
	var names []string
	var sizes []int64
	var all int64
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil || info.Size() == 0 {
			return err
		}
		names, sizes, all = append(names, p), append(sizes, info.Size()), all+info.Size()
		return nil
	})
	if err != nil {
		return "", err
	}
	i := chance.IntN(len(names))
	if chance.IntN(2) == 0 {
		left := chance.Int64N(all)
		for i = 0; left >= sizes[i]; i++ {
			left -= sizes[i]
		}
	}
	b, err := os.ReadFile(names[i])
	if err != nil {
		return names[i], err
	}
	at := chance.IntN(len(b))
	b[at] ^= byte(1 + chance.IntN(255))
	return fmt.Sprintf("byte %d of %s", at, names[i]), os.WriteFile(names[i], b, 0o644)
}
