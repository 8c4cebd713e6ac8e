package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
)

// maxLoose bounds the bytes of blocks that belong to no item. Beyond it the oldest quarter goes.
const maxLoose = 256 << 20

type looseFile struct {
	c    cid.Cid
	path string // relative to the loose folder
	size int64
	at   time.Time
}

func loosePath(c cid.Cid) string {
	name := canonical(c).String()
	return filepath.ToSlash(filepath.Join(name[len(name)-2:], name))
}

func (sp *space) eachLoose(f func(looseFile) error) error {
	return filepath.WalkDir(sp.loose(), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		c, err := cid.Decode(d.Name())
		if err != nil {
			return nil
		}
		st, err := d.Info()
		if err != nil {
			return err
		}
		return f(looseFile{c: c, path: loosePath(c), size: st.Size(), at: st.ModTime()})
	})
}

// loadLoose counts the loose blocks, and records them when the index is new.
func (sp *space) loadLoose() (found int, err error) {
	err = sp.edit(func(e *edit) error {
		return sp.eachLoose(func(l looseFile) error {
			found++
			sp.looseBytes += l.size
			if !sp.idx.fresh {
				return nil
			}
			return e.add(string(l.c.Hash()), ref{kind: loose, path: l.path, size: l.size})
		})
	})
	return found, err
}

// putLoose keeps blocks that have no place, durably. Blocks that are here already are not written again.
func (sp *space) putLoose(ctx context.Context, bs []blocks.Block) error {
	flush := newFlusher(sp.loose())
	var fresh []looseFile
	var total int64
	for _, b := range bs {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := checkBlock(b); err != nil {
			return err
		}
		if _, err := sp.size(b.Cid()); err == nil {
			continue
		}
		l := looseFile{c: b.Cid(), path: loosePath(b.Cid()), size: int64(len(b.RawData()))}
		if err := sp.disk.need(l.size); err != nil {
			return err
		}
		file := filepath.Join(sp.loose(), filepath.FromSlash(l.path))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, b.RawData(), 0o644); err != nil {
			return fmt.Errorf("keep block %s: %w", l.c, err)
		}
		flush.note(file)
		flush.note(filepath.Dir(file))
		flush.note(sp.loose())
		fresh = append(fresh, l)
		total += l.size
	}
	if len(fresh) == 0 {
		return nil
	}
	if err := flush.flush(); err != nil {
		return err
	}
	err := sp.edit(func(e *edit) error {
		for _, l := range fresh {
			if err := e.add(string(l.c.Hash()), ref{kind: loose, path: l.path, size: l.size}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	sp.mu.Lock()
	sp.looseBytes += total
	over := sp.looseBytes > maxLoose
	sp.mu.Unlock()
	if over {
		return sp.trimLoose(maxLoose * 3 / 4)
	}
	return nil
}

// trimLoose removes the oldest loose blocks until at most keep bytes are left.
func (sp *space) trimLoose(keep int64) error {
	var all []looseFile
	var total int64
	if err := sp.eachLoose(func(l looseFile) error {
		all = append(all, l)
		total += l.size
		return nil
	}); err != nil {
		return err
	}
	slices.SortFunc(all, func(a, b looseFile) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.path, b.path))
	})
	n := 0
	for ; n < len(all) && total > keep; n++ {
		total -= all[n].size
	}
	if err := sp.removeLoose(all[:n]); err != nil {
		return err
	}
	sp.mu.Lock()
	sp.looseBytes = total
	sp.mu.Unlock()
	return nil
}

func (sp *space) removeLoose(ls []looseFile) error {
	err := sp.edit(func(e *edit) error {
		for _, l := range ls {
			if err := e.forget(string(l.c.Hash()), func(r ref) bool { return r.kind == loose }); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, l := range ls {
		err := os.Remove(filepath.Join(sp.loose(), filepath.FromSlash(l.path)))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// dropLoose removes a loose block that turned out to be wrong.
func (sp *space) dropLoose(c cid.Cid, r ref) {
	if err := sp.removeLoose([]looseFile{{c: c, path: r.path}}); err != nil {
		sp.log.Warn("wrong loose block not removed", "block", c, "err", err)
	}
}
