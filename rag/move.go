package rag

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// Move takes a complete set, with its vectors, from x to another index on the same file system, as when
// a private dataset is published: nothing is extracted or embedded again. A set that to has already is
// only dropped from x, so a move may be repeated. The folder moves by one rename: after a crash one of
// the two has it, whole. ErrNotFound when neither has it.
func (x *Index) Move(name string, to *Index) error {
	if x == to {
		return nil
	}
	first, second := x, to
	if to.dir < x.dir { // one order for all, or two moves could wait for each other
		first, second = to, x
	}
	first.writing.Lock()
	defer first.writing.Unlock()
	second.writing.Lock()
	defer second.writing.Unlock()

	if err := x.moveFolder(name, to); err != nil {
		return fmt.Errorf("move %s: %w", name, err)
	}
	return x.clear(name)
}

func (x *Index) moveFolder(name string, to *Index) error {
	if _, ok := to.Set(name); ok {
		x.mu.Lock()
		defer x.mu.Unlock()
		if s := x.sets[name]; s != nil {
			x.forget(s)
		}
		return nil
	}
	if err := to.clear(name); err != nil {
		return err
	}
	x.mu.Lock()
	s := x.sets[name]
	if s == nil {
		x.mu.Unlock()
		return ErrNotFound
	}
	err := errors.Join(x.detach(s), os.Rename(s.dir, to.setDir(name)))
	x.mu.Unlock()
	if err != nil {
		return err
	}
	if err := errors.Join(syncDir(to.setDir("")), syncDir(x.setDir(""))); err != nil {
		return err
	}
	return to.adopt(name)
}

// adopt offers a set whose folder is in place.
func (x *Index) adopt(name string) error {
	s, err := openSet(x.setDir(name))
	if err != nil {
		return err
	}
	if err := x.indexAgain(s); err != nil {
		return errors.Join(err, s.close())
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.sets[name] = s
	if x.vectors == nil {
		return nil
	}
	return x.vectors.adopt(name, s, x.log)
}

// indexAgain puts the passages of a set into the lexical index, in place of what it holds of the set.
func (x *Index) indexAgain(s *set) error {
	if err := x.lexical.remove(s.mark.Set); err != nil {
		return err
	}
	sizes, err := x.lexical.add(context.Background(), s.passages, s.langOf)
	if err != nil {
		return err
	}
	s.mark.Fields = sizes
	return writeMarker(s.dir, s.mark)
}
