package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"savoirs/node"
)

// shelf is a node of this process and what it has published: datasets and an
// adapter, with the files they were made of.
type shelf struct {
	fleet
	node  *node.Node
	items []shelved
}

type shelved struct {
	node.Item
	from string // folder
}

// newShelf publishes so many datasets of a few texts and one large file of size
// bytes each, and an adapter.
func newShelf(ctx context.Context, dir string, datasets int, size int64) (_ *shelf, err error) {
	s := &shelf{fleet: fleet{dir: dir}}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.node, err = s.start(ctx, 0); err != nil {
		return nil, err
	}
	for i := range datasets + 1 {
		from, kind := filepath.Join(dir, fmt.Sprint("item", i)), "dataset"
		if i == datasets {
			kind = "adapter"
		}
		if err := fillFolder(from, byte(i+10), size); err != nil {
			return nil, err
		}
		it, err := s.node.Add(ctx, from, node.AddOptions{Title: fmt.Sprint(kind, " ", i), Kind: kind}, nil)
		if err != nil {
			return nil, err
		}
		p, err := s.node.Publish(ctx, it.Root, node.PublishOptions{NoPack: true})
		if err != nil {
			return nil, err
		}
		s.items = append(s.items, shelved{p.Item, from})
	}
	return s, nil
}

func fillFolder(dir string, seed byte, size int64) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for i := range 3 {
		text := fmt.Sprintf("Page %d of shelf %d: the cistern is cleaned once a year.\n", i, seed)
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("page%d.txt", i)), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return writeRandom(filepath.Join(dir, "large.bin"), newNoise(seed), size)
}

// byRoot finds an item of the shelf.
func (s *shelf) byRoot(root string) (shelved, bool) {
	for _, it := range s.items {
		if it.Root == root {
			return it, true
		}
	}
	return shelved{}, false
}

// errOther says that a node took for whole what is not what was published.
var errOther = errors.New("taken with other content")

// sameAt compares what a node says it has whole with what was published, byte
// by byte, and returns how many items that are. errOther when it differs.
func (s *shelf) sameAt(ctx context.Context, n *node.Node) (whole int, err error) {
	items, err := n.List(ctx)
	if err != nil {
		return 0, err
	}
	waiting, err := n.Inbox(ctx)
	if err != nil {
		return 0, err
	}
	for _, w := range waiting {
		if !w.Unfinished {
			w.Here = true
			items = append(items, w.Item)
		}
	}
	for _, it := range items {
		is, known := s.byRoot(it.Root)
		signed := it.Author != "" // without a word of its author it has no title, and waits
		if !known || signed && (it.Title != is.Title || it.Kind != is.Kind) {
			return whole, fmt.Errorf("%w: %q, %s", errOther, it.Title, it.Root)
		}
		if !it.Here {
			continue
		}
		if err := is.sameIn(ctx, n); err != nil {
			return whole, err
		}
		whole++
	}
	return whole, nil
}

// sameIn compares every file of the item with that of a node.
func (is shelved) sameIn(ctx context.Context, n *node.Node) error {
	return filepath.WalkDir(is.from, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		want, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		f, err := n.OpenDocument(ctx, is.Root, d.Name(), true)
		if err != nil {
			return fmt.Errorf("%w: %q: %w", errOther, is.Title, err)
		}
		defer f.Close()
		if got, err := io.ReadAll(f); err != nil || !bytes.Equal(got, want) {
			return fmt.Errorf("%w: %s of %q, %w", errOther, d.Name(), is.Title, errors.Join(err, io.ErrUnexpectedEOF))
		}
		return nil
	})
}

// reader is a new node in dir that trusts the shelf, so that what it loads is
// published at once.
func (s *shelf) reader(ctx context.Context, dir string) (*fleet, *node.Node, error) {
	f := &fleet{dir: dir}
	n, err := f.start(ctx, 0)
	if err != nil {
		return nil, nil, err
	}
	if _, err := n.Trust(s.node.ID().ID); err != nil {
		return nil, nil, errors.Join(err, f.close())
	}
	return f, n, nil
}
