package rag

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// A call embeds as many passages as take about embedAim by the pace of those before: what it costs
// whatever it embeds is shared by many, and little is lost when it is given up for a question.
const (
	firstBatch = 4
	maxBatch   = 32
	embedAim   = 8 * time.Second
)

// ErrYielded is what a Turn returns when it ended its work for a question.
var ErrYielded = errors.New("given up for a question")

// A Turn runs work when no question waits, with a context that it ends as soon as one comes: then it
// returns ErrYielded, and gets the same work again. Else it returns what work does, or ctx's error.
type Turn func(ctx context.Context, work func(context.Context) error) error

// EmbedMissing gives a vector to every passage that has none under the model of e, set by set, and
// returns when none is missing. Each batch is durable before the next begins, so it may be ended at any
// time, by ctx or by a crash, and goes on where it stopped. A passage that reads the same as one
// embedded before gets the vector that Options.Vectors remembers. Sets added or dropped meanwhile are
// seen. The vectors that came in packs are tried before, and not used when they are false: see Lies.
// The first call for a model embeds some fifty short questions and seventy lines too, by which Search tells what it knows
// from what it does not; call it once after Open even when nothing is missing.
//
// turn is given each call of e, so that questions go first; progress, after each batch, has the passages
// done and total. Both may be nil. Two calls at once take turns.
// Errors: those of e, turn and ctx; ErrDimension when a vector does not fit the earlier ones.
func (x *Index) EmbedMissing(ctx context.Context, e Embedder, turn Turn, progress func(done, total int)) (err error) {
	x.embedding.Lock()
	defer x.embedding.Unlock()
	if _, err := x.useModel(e.Model()); err != nil {
		return err
	}
	if turn == nil {
		turn = func(ctx context.Context, work func(context.Context) error) error { return work(ctx) }
	}
	w := embedWork{x: x, e: e, turn: turn, progress: progress, batch: firstBatch}
	if w.known, err = x.cache.use(e.Model()); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.known.close()) }()
	x.mu.RLock()
	v := x.vectors
	x.mu.RUnlock()
	if err := w.meetWorld(ctx, v); err != nil {
		return fmt.Errorf("embed the subjects of the world: %w", err)
	}
	if err := w.meetStrangers(ctx, v); err != nil {
		return fmt.Errorf("embed the questions of strangers: %w", err)
	}
	if err := w.tryPacks(ctx, v); err != nil {
		return fmt.Errorf("try the vectors of packs: %w", err)
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

// embedWork is one run of EmbedMissing.
type embedWork struct {
	x        *Index
	e        Embedder
	turn     Turn
	progress func(done, total int)
	known    *remembered
	batch    int // passages the next call embeds
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

// embedNext makes the next vectors of s, the first for passage from, and stores them.
func (w *embedWork) embedNext(ctx context.Context, v *vectors, s *set, from int) error {
	w.x.mu.RLock()
	dim := v.dim
	w.x.mu.RUnlock()
	var keys []embedKey
	var records [][]byte // nil where there is none yet
	var texts []string
	var wanted []embedKey // of texts
	for n := from; n < s.passages.n && len(texts) < w.batch && len(keys) < 8*maxBatch; n++ {
		at, err := s.passages.place(n)
		if err != nil {
			return err
		}
		rec := w.known.record(at.key, dim)
		keys, records = append(keys, at.key), append(records, rec)
		if rec != nil || slices.Contains(wanted, at.key) {
			continue
		}
		p, err := s.passages.readAt(n, at)
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
	if errors.Is(err, ErrYielded) {
		return nil // the same again
	}
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
	if err := w.known.add(wanted, made); err != nil { // they are stored: only a copy is lost
		w.x.log.Warn("vectors are not remembered", "err", err)
	}
	return nil
}

// embed returns a record for each text, or ErrYielded.
func (w *embedWork) embed(ctx context.Context, texts []string) ([][]byte, error) {
	if len(texts) == 0 {
		return nil, nil
	}
	var vs [][]float32
	var took time.Duration
	err := w.turn(ctx, func(ctx context.Context) (err error) {
		began := time.Now()
		vs, err = w.e.Embed(ctx, RolePassage, texts)
		took = time.Since(began)
		return err
	})
	if errors.Is(err, ErrYielded) {
		w.batch = max(1, min(w.batch, len(texts))/2)
		return nil, err
	}
	if err != nil {
		return nil, err
	}
	if len(vs) != len(texts) {
		return nil, fmt.Errorf("%d vectors for %d texts: %w", len(vs), len(texts), ErrDimension)
	}
	w.batch = nextBatch(len(texts), took)
	records := make([][]byte, len(vs))
	for i, vec := range vs {
		if records[i], err = appendRecord(nil, vec); err != nil {
			return nil, err
		}
	}
	return records, nil
}

// nextBatch is how many texts to embed after n took so long: never more than twice as many.
func nextBatch(n int, took time.Duration) int {
	fit := float64(2 * n)
	if took > 0 {
		fit = min(fit, float64(n)*float64(embedAim)/float64(took))
	}
	return min(maxBatch, max(1, int(fit)))
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
