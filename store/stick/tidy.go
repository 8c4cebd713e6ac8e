package stick

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"strings"
)

// The names that writers give, and no others are ever removed.
var (
	packShard  = regexp.MustCompile(`^[0-9a-f]{2}$`)
	packFile   = regexp.MustCompile(`^[0-9a-f]{64}\.(car|idx|new)$`)
	letterFile = regexp.MustCompile(`^[a-z2-7]{65}-[0-9a-f]{16}$`)
	sumFile    = regexp.MustCompile(`^[0-9a-f]{64}(\.age)?$`)
)

// maxListed bounds a folder of a stick: one with more was not made by us.
const maxListed = 2048

// tidy looks at what a writing that was cut has left behind: files that the list does not name. Packs that are whole are
// taken in, half packs are remembered, the rest is removed.
func (w *Writer) tidy() error {
	if w.root == nil {
		return nil
	}
	named := w.named()
	for _, dir := range []string{"catalogue", string(HeadsLetter), string(HoldingLetter), string(WantLetter), string(ReceiptsLetter), "sealed"} {
		names, err := w.list(dir)
		if err != nil {
			return err
		}
		for _, name := range names {
			ours := letterFile.MatchString(name) || sumFile.MatchString(name) || path.Join(dir, name) == sealedNew
			if name = path.Join(dir, name); ours && !named[name] {
				if err := w.root.Remove(name); err != nil {
					return err
				}
			}
		}
	}
	shards, err := w.list("packs")
	if err != nil {
		return err
	}
	for _, shard := range shards {
		if packShard.MatchString(shard) {
			if err := w.tidyShard("packs/"+shard, named); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *Writer) tidyShard(dir string, named map[string]bool) error {
	names, err := w.list(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		file := path.Join(dir, name)
		if !packFile.MatchString(name) || named[file] {
			continue
		}
		base, ext := strings.TrimSuffix(file, path.Ext(file)), path.Ext(file)
		switch {
		case ext == ".new":
			w.parts[file] = true
			continue
		case ext == ".car" && w.adopt(base):
			continue
		case ext == ".idx" && (pathExists(w.root, base+".car") || pathExists(w.root, base+".new")):
			continue // it goes with its pack
		}
		for _, gone := range []string{file, base + ".idx"} {
			if err := w.root.Remove(gone); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

// adopt takes in a pack that was flushed and never named. One whose index proves its name has its name since it was
// flushed.
func (w *Writer) adopt(base string) bool {
	f, size, err := openFile(w.root, base+".idx")
	if err != nil || size > maxIndex || len(w.next.Packs) == MaxPacks {
		return false
	}
	defer f.Close()
	raw, err := readAll(f, size)
	if err != nil {
		return false
	}
	x, err := parseIndex(raw)
	if err != nil || packPath(x.name()) != base || len(w.table.at)+x.len() > MaxBlocks {
		return false
	}
	car, err := openNamed(w.root, base+".car", x.size())
	if err != nil {
		return false
	}
	defer car.Close()
	w.dirty.folder(path.Dir(base))
	w.take(x)
	return true
}

// take numbers a pack that is on the drive and whole.
func (w *Writer) take(x *index) {
	w.table.add(len(w.next.Packs), x)
	w.next.Packs = append(w.next.Packs, x.pack())
	w.gone = append(w.gone, false)
}

// named gives the paths of everything the list names and is not known to be gone.
func (w *Writer) named() map[string]bool {
	named := make(map[string]bool)
	for i, p := range w.next.Packs {
		if !w.gone[i] {
			named[p.car()], named[p.idx()] = true, true
		}
	}
	for _, p := range w.manifest.Packs {
		named[p.car()], named[p.idx()] = true, true // until the next list is there
	}
	for _, m := range []Manifest{w.manifest, w.next} {
		for _, g := range m.Segments {
			named[g.path()] = true
		}
		for _, l := range m.Letters {
			named[l.path()] = true
		}
		for _, x := range m.Sealed {
			named[x.path()] = true
		}
	}
	return named
}

// list gives the names in a folder, none when there is no such folder. ErrHostile when there are more than any writer makes.
func (w *Writer) list(dir string) ([]string, error) {
	if err := isFolder(w.root, dir); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	d, err := w.root.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	names, err := d.Readdirnames(maxListed)
	if err != nil && err != io.EOF {
		return nil, err
	}
	if len(names) == maxListed {
		return nil, fmt.Errorf("%w: more than %d files in %s", ErrHostile, maxListed, dir)
	}
	return names, nil
}
