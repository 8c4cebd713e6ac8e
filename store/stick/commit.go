package stick

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
)

// Commit makes everything durable, then writes the MANIFEST, and returns it when it is durable too. Files that it names
// no more are removed then. The Writer may put more and commit again. ErrFull when the list is longer than MaxManifest.
func (w *Writer) Commit(ctx context.Context) (Manifest, error) {
	if err := w.commit(ctx); err != nil {
		return Manifest{}, fmt.Errorf("commit the stick: %w", driveError(err))
	}
	return w.manifest, nil
}

func (w *Writer) commit(ctx context.Context) error {
	m, number := w.listed()
	sealed, err := m.seal(w.o.Key)
	if err != nil {
		return err
	}
	if len(sealed) > MaxManifest {
		return fmt.Errorf("%w: the list has %d bytes", ErrFull, len(sealed))
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := w.dirty.flush(w.root, w.lock); err != nil {
		return err
	}
	if err := w.replaceManifest(sealed); err != nil {
		return err
	}
	old := w.named()
	for _, name := range w.made {
		old[name] = true
	}
	w.begin(m)
	w.table.renumber(number)
	w.gone, w.made, w.spent = make([]bool, len(m.Packs)), nil, 0
	for name := range w.named() {
		delete(old, name)
	}
	for name := range old {
		if err := w.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return w.dropParts("")
}

// listed is the MANIFEST of what there is now: the packs that items need, numbered anew, and their new numbers.
func (w *Writer) listed() (Manifest, map[int]int) {
	m := w.next
	m.Author, m.Count = w.author, w.manifest.Count+1
	needed := make([]bool, len(w.next.Packs))
	for _, it := range w.next.Items {
		for _, r := range it.Runs {
			needed[r.Pack] = true
		}
	}
	m.Packs = nil
	number := make(map[int]int)
	for i, p := range w.next.Packs {
		if needed[i] {
			number[i] = len(m.Packs)
			m.Packs = append(m.Packs, p)
		}
	}
	m.Items = slices.Clone(w.next.Items)
	for i := range m.Items {
		runs := slices.Clone(m.Items[i].Runs)
		for j, r := range runs {
			runs[j].Pack = uint32(number[int(r.Pack)])
		}
		m.Items[i].Runs = runs
	}
	return m, number
}

// replaceManifest writes the list beside the old one, then in its place.
func (w *Writer) replaceManifest(sealed []byte) error {
	f, err := w.create(manifestNew)
	if err != nil {
		return err
	}
	_, err = f.Write(sealed)
	if err == nil {
		err = fsync(f)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := flush(w.root, "."); err != nil {
		return err
	}
	if err := w.root.Rename(manifestNew, manifestName); err != nil {
		return err
	}
	return flush(w.root, ".")
}
