package rag

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"savoirs/rag/extract"
)

// A sample of documents is extracted while packSampleTime lasts, at least packSampleLeast of them, so
// that a small dataset is compared whole. A sample of packSampleVectors passages is embedded: of a pack
// with one vector in ten false, 97 in 100 are found out. What is in a sample is nobody's to foresee.
const (
	packSampleTime    = 2 * time.Second
	packSampleLeast   = 3
	packSampleVectors = maxBatch
	// sameVector is the cosine above which two vectors are of the same text: one model on two machines
	// stays above .995, other passages of a dataset below .96.
	sameVector = .98
)

// sample extracts documents at random and compares their passages with those of a pack, which are in dir.
func (x *Index) sample(ctx context.Context, p *incomingPack, names []string, ranges map[string]stretch, dir string) error {
	f, err := openPassages(dir, "", p.stamp.Passages, p.stamp.Bytes)
	if errors.Is(err, ErrDamaged) {
		return falsePack("passages are not written as an index writes them")
	}
	if err != nil {
		return err
	}
	defer f.close()
	began := time.Now()
	for i, at := range rand.Perm(len(names)) {
		if i >= packSampleLeast && time.Since(began) > packSampleTime {
			break
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		name := names[at]
		d, err := extract.File(ctx, p.docs, name, x.extract)
		switch {
		case errors.Is(err, extract.ErrNoPDF), errors.Is(err, extract.ErrTimeout), errors.Is(err, fs.ErrPermission):
			continue // it says nothing of the document
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			d.Blocks = nil
		}
		if err := sameDocument(f, name, ranges[name], cut(d, name)); err != nil {
			return err
		}
	}
	return nil
}

func sameDocument(f *passageFile, name string, at stretch, want []Passage) error {
	if at.to-at.from != len(want) {
		return falsePack("%d passages of %s, which gives %d", at.to-at.from, name, len(want))
	}
	for i, w := range want {
		got, err := f.read(at.from + i)
		if err != nil {
			return err
		}
		w.N, got.Set = got.N, ""
		a, err1 := json.Marshal(w)
		b, err2 := json.Marshal(got)
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		if !bytes.Equal(a, b) {
			return falsePack("passage %d is not what %s says", got.N, name)
		}
	}
	return nil
}

// tryPacks embeds a sample of each set whose vectors came in a pack. It ends with a *PackError, with the
// vectors dropped, at the first that is false.
func (w *embedWork) tryPacks(ctx context.Context, v *vectors) error {
	for {
		s := w.untried(v)
		if s == nil {
			return nil
		}
		err := w.tryPack(ctx, v, s)
		if w.x.vanished(s) {
			continue
		}
		if err != nil {
			return err
		}
	}
}

func (w *embedWork) untried(v *vectors) *set {
	w.x.mu.RLock()
	defer w.x.mu.RUnlock()
	for name, s := range w.x.sets {
		if s.mark.Pack != nil && !s.mark.Pack.Tried && v.count(name) > 0 {
			return s
		}
	}
	return nil
}

func (w *embedWork) tryPack(ctx context.Context, v *vectors, s *set) error {
	w.x.mu.RLock()
	have := v.sets[s.mark.Set]
	count := v.count(s.mark.Set)
	w.x.mu.RUnlock()
	if count == 0 {
		return nil
	}
	var chosen []int
	var texts []string
	for _, n := range rand.Perm(count)[:min(count, packSampleVectors)] {
		p, err := s.passages.read(n)
		if err != nil {
			return err
		}
		chosen, texts = append(chosen, n), append(texts, p.embedText())
	}
	made, err := w.embedAll(ctx, texts)
	if err != nil {
		return err
	}
	rec := make([]byte, have.file.recordSize())
	for i, n := range chosen {
		if err := have.file.read(n, rec); err != nil {
			return err
		}
		if len(made[i]) != len(rec) || recordCosine(made[i], rec) < sameVector {
			err := &PackError{Set: s.mark.Set, Origin: s.mark.Pack.PackOrigin, What: "its vectors are not those that the model gives"}
			return errors.Join(w.x.dropVectors(v, s), err)
		}
	}
	return w.believe(s, have)
}

// embedAll is embed in as many calls as it takes.
func (w *embedWork) embedAll(ctx context.Context, texts []string) (records [][]byte, err error) {
	for len(texts) > 0 {
		some := texts[:min(len(texts), w.batch)]
		made, err := w.embed(ctx, some)
		if errors.Is(err, ErrYielded) {
			continue
		}
		if err != nil {
			return nil, err
		}
		records, texts = append(records, made...), texts[len(some):]
	}
	return records, nil
}

// dropVectors removes the vectors that came in a pack: they will be made here.
func (x *Index) dropVectors(v *vectors, s *set) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.sets[s.mark.Set] != s || x.vectors != v {
		return nil
	}
	s.mark.Pack = nil
	return errors.Join(v.drop(s.mark.Set), os.Remove(filepath.Join(s.dir, vectorName(v.model))), syncDir(s.dir), writeMarker(s.dir, s.mark))
}

// believe notes that the vectors of a pack are good, and remembers them.
func (w *embedWork) believe(s *set, have *setVectors) error {
	places, err := s.passages.allPlaces()
	if err != nil {
		return err
	}
	for from := 0; from < have.file.n; from += maxBatch {
		var keys []embedKey
		var records [][]byte
		for n := from; n < min(have.file.n, from+maxBatch); n++ {
			rec := make([]byte, have.file.recordSize())
			if have.file.read(n, rec) == nil {
				keys, records = append(keys, places[n].key), append(records, rec)
			}
		}
		if len(keys) == 0 {
			continue
		}
		if err := w.known.add(keys, records); err != nil {
			w.x.log.Warn("vectors are not remembered", "err", err)
			break
		}
	}
	w.x.mu.Lock()
	defer w.x.mu.Unlock()
	if w.x.sets[s.mark.Set] != s {
		return nil
	}
	s.mark.Pack = &packMark{PackOrigin: s.mark.Pack.PackOrigin, Tried: true}
	return writeMarker(s.dir, s.mark)
}

// recordCosine compares two records of one size.
func recordCosine(a, b []byte) float64 {
	body := len(a) - 8
	sum := 0
	for i := range body {
		sum += int(int8(a[i])) * int(int8(b[i]))
	}
	return float64(sum) * float64(recordScale(a)) * float64(recordScale(b))
}
