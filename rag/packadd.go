package rag

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"savoirs/rag/extract"
)

// AddPack makes the documents of fsys searchable as one set by what their pack holds, instead of
// extracting and embedding them, and returns when they are, durably. A set that is complete keeps its
// passages and gets the vectors.
//
// Nothing of a pack is believed: all sizes, counts and texts are held to limits, the documents of a
// sample are extracted and must give the passages of the pack, each vector must have the length of one.
// Whether the vectors are those of the model takes the model to tell: EmbedMissing tries some before it
// embeds anything, and drops them all when one is false. Till then they are searched: they can misplace
// passages, but no text stands in the results that is not searched by its words too.
//
// It waits for EmbedMissing to end. Errors: ErrFalsePack, ErrOtherPack, those of fsys and pack; the
// index is then as it was.
func (x *Index) AddPack(ctx context.Context, name, title string, fsys, pack fs.FS, from PackOrigin) (Report, error) {
	r, err := x.addPack(ctx, name, title, fsys, pack, from)
	if errors.Is(err, ErrFalsePack) {
		return r, &PackError{Set: name, Origin: from, What: err.Error()}
	}
	if err != nil {
		return r, fmt.Errorf("add the pack of %s: %w", name, err)
	}
	return r, nil
}

func (x *Index) addPack(ctx context.Context, name, title string, fsys, pack fs.FS, from PackOrigin) (Report, error) {
	if err := checkSetName(name); err != nil {
		return Report{}, err
	}
	stamp, err := ReadPackStamp(pack)
	if err != nil {
		return Report{}, err
	}
	if stamp.Base != name || stamp.Splitter != setVersion {
		return Report{}, fmt.Errorf("made of %s by splitter %d: %w", stamp.Base, stamp.Splitter, ErrOtherPack)
	}
	x.writing.Lock()
	defer x.writing.Unlock()
	x.mu.RLock()
	have, closed := x.sets[name], x.closed
	x.mu.RUnlock()
	p := &incomingPack{stamp: stamp, files: pack, docs: fsys}
	switch {
	case closed:
		return Report{}, errors.New("index is closed")
	case have != nil:
		return have.mark.Report, x.takeVectors(ctx, have, p, from)
	}
	names, err := documentsOf(fsys)
	if err != nil {
		return Report{}, err
	}
	if slices.ContainsFunc(names, extract.IsLibrary) {
		return Report{}, fmt.Errorf("the articles of a library are compared by no sample yet: %w", ErrOtherPack)
	}
	glossary, skips, err := readGlossary(fsys)
	if err != nil {
		return Report{}, err
	}
	return x.make(ctx, name, marker{Title: title, Glossary: glossary, Pack: &packMark{PackOrigin: from}}, func(w *passageWriter, m *marker) error {
		m.Report = Report{Documents: stamp.Documents, Unread: stamp.Unread, Skipped: skips}
		m.Lang, m.Langs = stamp.Lang, stamp.Langs
		ranges, err := p.passages(ctx, names, w)
		if err != nil {
			return err
		}
		if err := w.flush(); err != nil {
			return err
		}
		if err := x.sample(ctx, p, names, ranges, x.setDir(name)); err != nil {
			return err
		}
		return p.vectors(ctx, filepath.Join(x.setDir(name), vectorName(stamp.Model)))
	})
}

// packMark says, in a marker, that the vectors of a set came in a pack.
type packMark struct {
	PackOrigin
	Tried bool `json:"tried,omitempty"` // some were made here and are the same
}

// takeVectors gives a set that is here the vectors of its pack, when the passages are the same.
func (x *Index) takeVectors(ctx context.Context, s *set, p *incomingPack, from PackOrigin) error {
	x.embedding.Lock()
	defer x.embedding.Unlock()
	places, err := s.passages.allPlaces()
	if err != nil {
		return err
	}
	if len(places) != p.stamp.Passages {
		return falsePack("%d passages, where the documents give %d", p.stamp.Passages, len(places))
	}
	err = p.each(ctx, func(q Passage) error {
		own, err := s.passages.readAt(q.N, places[q.N])
		if err != nil {
			return err
		}
		if own.Doc != q.Doc || keyOf(q) != places[q.N].key {
			return falsePack("passage %d is not what %s says", q.N, q.Doc)
		}
		return nil
	})
	if err != nil {
		return err
	}
	final := filepath.Join(s.dir, vectorName(p.stamp.Model))
	if err := p.vectors(ctx, final+".tmp"); err != nil {
		return errors.Join(err, remove(final+".tmp"))
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.sets[s.mark.Set] != s {
		return errors.Join(ErrNotFound, remove(final+".tmp"))
	}
	current := x.vectors != nil && x.vectors.model == p.stamp.Model
	if current {
		if err := x.vectors.drop(s.mark.Set); err != nil {
			return err
		}
	}
	s.mark.Pack = &packMark{PackOrigin: from}
	if err := errors.Join(writeMarker(s.dir, s.mark), os.Rename(final+".tmp", final), syncDir(s.dir)); err != nil || !current {
		return err
	}
	return x.vectors.adopt(s.mark.Set, s, x.log)
}

func remove(name string) error {
	if err := os.Remove(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
