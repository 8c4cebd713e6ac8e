package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ipfs/go-cid"
)

// Complete copies the blocks that the store holds elsewhere, and turns the unfinished item into an item, durably. While
// blocks are missing it is ErrIncomplete, and the Incoming can be filled further. On success the Incoming is closed.
func (in *Incoming) Complete(ctx context.Context) (Item, error) {
	defer in.lock()()
	it, err := in.complete(ctx)
	if err != nil {
		return Item{}, fmt.Errorf("complete %s: %w", in.root, err)
	}
	in.shut()
	return it, nil
}

func (in *Incoming) complete(ctx context.Context) (Item, error) {
	switch {
	case in.usable() != nil:
		return Item{}, in.usable()
	case in.whole || in.overtaken():
		return in.s.Item(in.root)
	}
	if err := in.commitHere(); err != nil { // others may still wait for theirs
		return Item{}, err
	}
	if err := in.copyLocal(ctx); err != nil {
		return Item{}, err
	}
	if len(in.want) > 0 {
		return Item{}, fmt.Errorf("%w: %d known so far", ErrIncomplete, len(in.want))
	}
	if err := in.checkNames(); err != nil {
		in.broken = err
		return Item{}, err
	}
	if len(in.astray) > 0 || in.repair {
		if err := in.rewriteDag(ctx); err != nil {
			return Item{}, err
		}
	}
	if err := in.readOnly(); err != nil {
		return Item{}, err
	}
	if in.repair {
		return in.mended()
	}
	return in.keep()
}

// checkNames finds names that became one file: the same name twice in a sharded folder, or names this file system does
// not tell apart.
func (in *Incoming) checkNames() error {
	if in.repair {
		return nil
	}
	found := int64(0)
	err := filepath.WalkDir(in.dir, func(p string, _ fs.DirEntry, err error) error {
		found++
		return err
	})
	if err != nil {
		return err
	}
	expected := in.spent.entries
	if _, err := os.Lstat(filepath.Join(in.dir, single)); err == nil && in.rootIsFile() {
		expected++ // the folder around it
	}
	if found != expected {
		return fmt.Errorf("%w: %d names make %d files and folders here", ErrHostile, expected, found)
	}
	return nil
}

func (in *Incoming) rootIsFile() bool {
	if in.root.Type() == cid.Raw {
		return true
	}
	data, err := in.get(in.root)
	if err != nil {
		return false
	}
	o, err := open(place{c: in.root, role: entry, size: -1}, data)
	return err == nil && o.shape != folder
}

// rewriteDag writes the nodes anew: only those that belong to the item, all of them right.
func (in *Incoming) rewriteDag(ctx context.Context) error {
	tmp := in.dag + ".new"
	w, err := createDag(tmp)
	if err != nil {
		return err
	}
	defer w.f.Close()
	if err := w.start(in.root); err != nil {
		return err
	}
	visit := func(p place, _ opened, data []byte) error {
		if _, ok := inlined(p.c); ok || data == nil || w.has(p.c) {
			return nil
		}
		_, err := w.add(p.c, data)
		return err
	}
	if err := walk(ctx, in.root, in.get, visit, func(_ place, err error) error { return err }); err != nil {
		return err
	}
	if err := w.finish(in.root); err != nil {
		return err
	}
	if err := syncPath(tmp); err != nil {
		return err
	}
	return os.Rename(tmp, in.dag)
}

func (in *Incoming) readOnly() error {
	return filepath.WalkDir(in.dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		return os.Chmod(p, 0o444)
	})
}

// keep makes it an item: nodes and card first, then the folder, then the index.
func (in *Incoming) keep() (Item, error) {
	s, sp := in.s, in.sp
	s.gesture.Lock()
	defer s.gesture.Unlock()
	if _, _, err := s.find(in.root); err == nil { // added to the other space meanwhile
		if err := sp.discard(in.root); err != nil {
			return Item{}, err
		}
		return s.Item(in.root)
	} else if !errors.Is(err, ErrNotFound) {
		return Item{}, err
	}
	unfinished, _ := sp.snapshot(in.root)
	h := &held{root: in.root, card: unfinished.card, whole: true, folder: filepath.Join(sp.items(), in.root.String())}
	h.card.Size = 0
	h.dag = h.folder + ".dag"
	if err := share(in.dag, h.dag); err != nil {
		return Item{}, err
	}
	if err := writeCard(sp.items(), in.root, h.card); err != nil {
		return Item{}, err
	}
	if err := os.Rename(in.dir, h.folder); err != nil {
		return Item{}, err
	}
	for _, d := range []string{sp.items(), sp.incoming()} {
		if err := syncPath(d); err != nil {
			return Item{}, err
		}
	}
	if err := sp.install(h); err != nil {
		return Item{}, err
	}
	if err := s.discardElsewhere(in.root, sp); err != nil {
		return Item{}, err
	}
	return s.Item(in.root)
}

// mended ends a repair: what was marked is right again.
func (in *Incoming) mended() (Item, error) {
	in.s.gesture.Lock()
	defer in.s.gesture.Unlock()
	if err := syncPath(in.sp.items()); err != nil {
		return Item{}, err
	}
	if err := in.sp.reindex(in.root); err != nil {
		return Item{}, err
	}
	h, _ := in.sp.snapshot(in.root)
	var marks []mark
	for m := range h.marks {
		marks = append(marks, m)
	}
	if err := in.sp.unmark(in.root, marks); err != nil {
		return Item{}, err
	}
	if err := os.RemoveAll(in.waitDir()); err != nil {
		return Item{}, err
	}
	return in.s.Item(in.root)
}
