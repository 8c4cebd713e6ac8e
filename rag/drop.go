package rag

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Drop removes a set and everything made from it. Dropping what is not there is no error; a crash in
// the middle leaves a set that the next Open forgets.
func (x *Index) Drop(name string) error {
	if err := checkSetName(name); err != nil {
		return err
	}
	x.writing.Lock()
	defer x.writing.Unlock()
	x.mu.Lock()
	if s := x.sets[name]; s != nil {
		x.forget(s)
	}
	x.mu.Unlock()
	if err := x.clear(name); err != nil {
		return fmt.Errorf("drop %s: %w", name, err)
	}
	return nil
}

// forget stops offering a set. Its marker goes first, so that the next Open does not offer it either.
// The caller holds x.mu.
func (x *Index) forget(s *set) {
	name := s.mark.Set
	if x.sets[name] != s {
		return
	}
	if err := errors.Join(os.Remove(filepath.Join(s.dir, markerName)), x.detach(s)); err != nil {
		x.log.Warn("forget set", "set", name, "err", err)
	}
}

// detach closes the files of a set and takes it off the list, leaving the disk as it is. The caller
// holds x.mu.
func (x *Index) detach(s *set) error {
	delete(x.sets, s.mark.Set)
	err := s.close()
	if x.vectors != nil {
		err = errors.Join(err, x.vectors.drop(s.mark.Set))
	}
	return err
}

// clear removes what is left of a set that is not offered.
func (x *Index) clear(name string) error {
	if err := x.lexical.remove(name); err != nil {
		return err
	}
	return os.RemoveAll(x.setDir(name))
}
