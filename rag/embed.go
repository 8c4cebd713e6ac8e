package rag

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// embedBatch is how many passages one call embeds: enough to share the fixed cost of a call, few
// enough that a question waiting behind it waits a second or two.
const embedBatch = 8

// EmbedMissing gives a vector to every passage that has none under the model of e, set by set, and
// returns when none is missing. Each batch is durable before the next begins, so it may be ended at any
// time, by ctx or by a crash, and goes on where it stopped. A passage that reads the same as one
// embedded before, in any set, gets a copy of its vector. Sets added or dropped meanwhile are seen.
// The first call for a model embeds some fifty short questions too, by which Search tells what it knows
// from what it does not; call it once after Open even when nothing is missing.
//
// yield is called before each call of e and may wait, so that questions go first; progress, after each
// batch, with passages done and total. Both may be nil. Two calls at once take turns.
// Errors: those of e, yield and ctx; ErrDimension when a vector does not fit the earlier ones.
func (x *Index) EmbedMissing(ctx context.Context, e Embedder, yield func(context.Context) error, progress func(done, total int)) error {
	x.embedding.Lock()
	defer x.embedding.Unlock()
	if _, err := x.useModel(e.Model()); err != nil {
		return err
	}
	w := embedWork{x: x, e: e, yield: yield, progress: progress, known: map[embedKey]vectorAt{}}
	if err := w.learn(); err != nil {
		return err
	}
	x.mu.RLock()
	v := x.vectors
	x.mu.RUnlock()
	if err := w.meetStrangers(ctx, v); err != nil {
		return fmt.Errorf("embed the questions of strangers: %w", err)
	}
	for {
		s := w.next()
		if s == nil {
			x.mu.Lock()
			defer x.mu.Unlock()
			if x.vectors != v || v.chance.over == v.total() {
				return nil
			}
			return v.takeChance()
		}
		if err := w.embedSet(ctx, s); err != nil {
			return fmt.Errorf("embed %s: %w", s.mark.Set, err)
		}
	}
}

// useModel makes model the one whose vectors are searched, loading them when it was another, and
// returns how many there are.
func (x *Index) useModel(model string) (int, error) {
	x.mu.RLock()
	if v := x.vectors; v != nil && v.model == model {
		defer x.mu.RUnlock()
		return v.total(), nil
	}
	x.mu.RUnlock()

	x.mu.Lock()
	defer x.mu.Unlock()
	if x.closed {
		return 0, errors.New("index is closed")
	}
	if x.vectors != nil && x.vectors.model == model {
		return x.vectors.total(), nil
	}
	v, err := loadVectors(x.sets, model, x.log)
	if err != nil {
		return 0, fmt.Errorf("load vectors of model %.24s: %w", model, err)
	}
	if x.vectors != nil {
		if err := x.vectors.close(); err != nil {
			x.log.Warn("close vectors", "err", err)
		}
	}
	x.vectors = v
	return v.total(), nil
}

type vectorAt struct {
	set string
	n   int
}

// embedWork is one run of EmbedMissing.
type embedWork struct {
	x        *Index
	e        Embedder
	yield    func(context.Context) error
	progress func(done, total int)
	known    map[embedKey]vectorAt // what has a vector already
}

// learn notes every passage that has a vector.
func (w *embedWork) learn() error {
	w.x.mu.RLock()
	defer w.x.mu.RUnlock()
	for name, s := range w.x.sets {
		n := w.x.vectors.count(name)
		if n == 0 {
			continue
		}
		places, err := s.passages.allPlaces()
		if err != nil {
			return err
		}
		for i, at := range places[:n] {
			w.known[at.key] = vectorAt{name, i}
		}
	}
	return nil
}

// next returns the first set, by name, that lacks vectors.
func (w *embedWork) next() *set {
	w.x.mu.RLock()
	defer w.x.mu.RUnlock()
	var first *set
	for name, s := range w.x.sets {
		if w.x.vectors.count(name) < s.passages.n && (first == nil || name < first.mark.Set) {
			first = s
		}
	}
	return first
}

// embedSet brings one set to its end, or stops without error when the set is no longer there.
func (w *embedWork) embedSet(ctx context.Context, s *set) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		w.x.mu.RLock()
		v, from := w.x.vectors, w.x.vectors.count(s.mark.Set)
		w.x.mu.RUnlock()
		if v.model != w.e.Model() {
			return errors.New("another model was put in use meanwhile")
		}
		if from == s.passages.n {
			return nil
		}
		err := w.embedNext(ctx, v, s, from)
		if w.x.vanished(s) {
			return nil // whatever the error: its files went away under our hands
		}
		if err != nil {
			return err
		}
		if w.progress != nil {
			w.progress(w.x.embedded())
		}
	}
}

// embedNext makes the next batch of vectors of s, the first for passage from, and stores them.
func (w *embedWork) embedNext(ctx context.Context, v *vectors, s *set, from int) error {
	records := make([][]byte, min(embedBatch, s.passages.n-from))
	keys := make([]embedKey, len(records))
	var texts []string
	var wanted []embedKey // of texts
	for i := range records {
		at, err := s.passages.place(from + i)
		if err != nil {
			return err
		}
		keys[i] = at.key
		if records[i] = w.copied(v, at.key); records[i] != nil || slices.Contains(wanted, at.key) {
			continue
		}
		p, err := s.passages.readAt(from+i, at)
		if errors.Is(err, ErrDamaged) {
			w.x.mu.Lock()
			w.x.forget(s)
			w.x.mu.Unlock()
		}
		if err != nil {
			return err
		}
		texts, wanted = append(texts, p.embedText()), append(wanted, at.key)
	}
	made, err := w.embed(ctx, texts)
	if err != nil {
		return err
	}
	for i, key := range keys {
		if records[i] == nil {
			records[i] = made[slices.Index(wanted, key)]
		}
	}
	if err := w.store(v, s, records); err != nil {
		return err
	}
	for i, key := range keys {
		w.known[key] = vectorAt{s.mark.Set, from + i}
	}
	return nil
}

// copied returns the record of a passage that reads the same, or nil when there is none.
func (w *embedWork) copied(v *vectors, key embedKey) []byte {
	at, ok := w.known[key]
	if !ok {
		return nil
	}
	w.x.mu.RLock()
	defer w.x.mu.RUnlock()
	from := v.sets[at.set]
	if from == nil || at.n >= from.file.n {
		return nil // its set was dropped meanwhile
	}
	rec := make([]byte, from.file.recordSize())
	if from.file.read(at.n, rec) != nil {
		return nil
	}
	return rec
}

// embed returns a record for each text.
func (w *embedWork) embed(ctx context.Context, texts []string) ([][]byte, error) {
	if len(texts) == 0 {
		return nil, nil
	}
	if w.yield != nil {
		if err := w.yield(ctx); err != nil {
			return nil, err
		}
	}
	vs, err := w.e.Embed(ctx, RolePassage, texts)
	if err != nil {
		return nil, err
	}
	if len(vs) != len(texts) {
		return nil, fmt.Errorf("%d vectors for %d texts: %w", len(vs), len(texts), ErrDimension)
	}
	records := make([][]byte, len(vs))
	for i, vec := range vs {
		if records[i], err = appendRecord(nil, vec); err != nil {
			return nil, err
		}
	}
	return records, nil
}

// store makes the next records of s durable, then visible to searches.
func (w *embedWork) store(v *vectors, s *set, records [][]byte) error {
	dim := len(records[0]) - recordSize(0)
	w.x.mu.RLock()
	into, want := v.sets[s.mark.Set], v.dim
	w.x.mu.RUnlock()
	for _, rec := range records {
		if got := len(rec) - recordSize(0); got != dim || want != 0 && got != want {
			return fmt.Errorf("%d components where others have %d: %w", got, max(want, dim), ErrDimension)
		}
	}
	if into == nil {
		f, err := createVectorFile(s.dir, v.model, dim)
		if err != nil {
			return err
		}
		into = &setVectors{file: f}
	}
	all := slices.Concat(records...)
	if err := into.file.write(all); err != nil {
		return err
	}
	w.x.mu.Lock()
	defer w.x.mu.Unlock()
	if w.x.sets[s.mark.Set] != s || w.x.vectors != v {
		return into.file.close()
	}
	v.dim, v.sets[s.mark.Set] = dim, into
	return v.publish(into, all)
}

// vanished tells whether s was dropped, moved or found damaged.
func (x *Index) vanished(s *set) bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.sets[s.mark.Set] != s
}

// embedded returns how many passages have a vector, and how many there are.
func (x *Index) embedded() (done, total int) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	for _, s := range x.sets {
		total += s.passages.n
	}
	return x.vectors.total(), total
}
