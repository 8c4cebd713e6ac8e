package rag

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"savoirs/rag/extract"
)

// Options of an Index. Dir is required.
type Options struct {
	Dir     string          // a folder of its own, made if absent
	Extract extract.Options // limits on the documents added
	Vectors *VectorCache    // shared among indexes; nil: one of its own in Dir/vectors
	Log     *slog.Logger    // nil: silent
}

// An Index finds passages among sets. A node has one for each of its two spaces.
//
//	<dir>/lexical/                    postings of all sets
//	<dir>/sets/<set>/set.json         written last: the set is complete
//	                 passages         the text, one JSON line each; passages.idx: where each line is
//	                 vectors-<model>  one record a passage, as far as embedding has come
//	<dir>/vectors/                    vectors remembered, unless they are elsewhere
//
// Methods may be called concurrently. Add, Drop and Move wait for each other; searches wait for none
// of them.
type Index struct {
	dir     string
	extract extract.Options
	log     *slog.Logger
	lexical *lexical
	cache   *VectorCache

	writing   sync.Mutex // held by Add, Drop, Move: one change at a time
	embedding sync.Mutex // held by EmbedMissing

	mu      sync.RWMutex // guards what follows; held for reading during a search
	sets    map[string]*set
	vectors *vectors // of the model in use; nil until one is
	closed  bool
}

// Open opens the index in o.Dir, or starts one. It holds what was complete when the last process
// ended, however it ended: unfinished and damaged sets are forgotten, to be added again, and the
// lexical part is rebuilt from the passages where it lacks some.
func Open(o Options) (*Index, error) {
	if o.Dir == "" {
		return nil, errors.New("open index: no directory given")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Vectors == nil {
		o.Vectors = NewVectorCache(filepath.Join(o.Dir, "vectors"), 0)
	}
	x := &Index{dir: o.Dir, extract: o.Extract, log: o.Log, cache: o.Vectors, sets: map[string]*set{}}
	if err := os.MkdirAll(x.setDir(""), 0o700); err != nil {
		return nil, fmt.Errorf("open index: %w", err)
	}
	var err error
	if x.lexical, err = openLexical(filepath.Join(o.Dir, "lexical"), o.Log); err != nil {
		return nil, err
	}
	if err := x.openSets(); err != nil {
		return nil, errors.Join(fmt.Errorf("open index %s: %w", o.Dir, err), x.Close())
	}
	return x, nil
}

func (x *Index) openSets() error {
	entries, err := os.ReadDir(x.setDir(""))
	if err != nil {
		return err
	}
	for _, e := range entries {
		s, err := openSet(x.setDir(e.Name()))
		if err != nil {
			x.log.Info("set is unfinished or damaged, to be added again", "set", e.Name(), "err", err)
			continue
		}
		x.sets[e.Name()] = s
	}
	return x.reconcile()
}

// reconcile makes the lexical index hold exactly the complete sets.
func (x *Index) reconcile() error {
	counts, err := x.lexical.counts()
	if err != nil {
		return err
	}
	for name, n := range counts {
		if s := x.sets[name]; s == nil || s.passages.n != n {
			if err := x.lexical.remove(name); err != nil {
				return err
			}
			delete(counts, name)
		}
	}
	for name, s := range x.sets {
		if counts[name] == s.passages.n {
			continue
		}
		x.log.Info("indexing passages again", "set", name, "passages", s.passages.n)
		if err := x.indexAgain(s); errors.Is(err, ErrDamaged) {
			x.forget(s)
		} else if err != nil {
			return err
		}
	}
	return nil
}

// Close releases the index. Searches under way end first; later calls fail.
func (x *Index) Close() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.closed {
		return nil
	}
	x.closed = true
	var errs []error
	for _, s := range x.sets {
		errs = append(errs, s.close())
	}
	if x.vectors != nil {
		errs = append(errs, x.vectors.close())
	}
	return errors.Join(append(errs, x.lexical.close())...)
}

func (x *Index) setDir(name string) string { return filepath.Join(x.dir, "sets", name) }

// Sets returns the complete sets, by name.
func (x *Index) Sets() []SetInfo {
	x.mu.RLock()
	defer x.mu.RUnlock()
	infos := make([]SetInfo, 0, len(x.sets))
	for _, s := range x.sets {
		infos = append(infos, x.info(s))
	}
	slices.SortFunc(infos, func(a, b SetInfo) int { return strings.Compare(a.Set, b.Set) })
	return infos
}

// Set returns one complete set; false when there is none of that name.
func (x *Index) Set(name string) (SetInfo, bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	s := x.sets[name]
	if s == nil {
		return SetInfo{}, false
	}
	return x.info(s), true
}

func (x *Index) info(s *set) SetInfo {
	i := SetInfo{Set: s.mark.Set, Title: s.mark.Title, Documents: s.mark.Report.Documents,
		Passages: s.passages.n, Langs: slices.Clone(s.mark.Langs)}
	if x.vectors != nil {
		i.Model, i.Embedded = x.vectors.model, x.vectors.count(s.mark.Set)
	} else {
		i.Model, i.Embedded = lastVectors(s.dir, s.passages.n)
	}
	return i
}

// Passage returns a passage by its number: ErrNotFound, or ErrDamaged and the set is forgotten.
func (x *Index) Passage(name string, n int) (Passage, error) {
	x.mu.RLock()
	s := x.sets[name]
	if s == nil {
		x.mu.RUnlock()
		return Passage{}, fmt.Errorf("set %q: %w", name, ErrNotFound)
	}
	p, err := s.passages.read(n)
	x.mu.RUnlock()
	if errors.Is(err, ErrDamaged) {
		x.mu.Lock()
		defer x.mu.Unlock()
		x.forget(s)
	}
	return p, err
}
