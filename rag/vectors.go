package rag

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"sync"
)

// vectors is the flat index of one model over all sets of an Index: a sign code for each vector in
// memory (48 bytes at 384 components), the int8 vectors on disk. A search compares sign codes with all,
// estimates the cosine of the nearest (see sifter), then computes it for the best. Nothing is built, deleting is forgetting.
//
// Vectors of models such as e5 share most of their direction, so signs are taken after subtracting a
// mean: of all vectors at loading, taken again whenever their number has doubled. The mean only decides
// who is rescored, scores do not depend on it.
//
// The maps and codes are guarded by Index.mu.
type vectors struct {
	model  string
	dim    int // 0 until the first vector
	mean   []float32
	spread []float32 // how far components are from the mean, on average
	meant  int       // vectors the mean was taken over
	sets   map[string]*setVectors

	chance chance

	scratch sync.Pool // of *[]uint16, two bytes a vector, for searches
}

type setVectors struct {
	file  *vectorFile
	codes []uint64 // words() for each vector
}

// The nearest by sign code, sifted, are estimated; the best of them, rescored, get an exact score.
const (
	sifted   = 2000
	rescored = 500
)

func (v *vectors) words() int { return (v.dim + 63) / 64 }

func (v *vectors) count(set string) int {
	if s := v.sets[set]; s != nil {
		return s.file.n
	}
	return 0
}

func (v *vectors) total() (n int) {
	for _, s := range v.sets {
		n += s.file.n
	}
	return n
}

// loadVectors opens what there is of a model. Files that are damaged are left, to be made again.
func loadVectors(sets map[string]*set, model string, log *slog.Logger) (*vectors, error) {
	v := &vectors{model: model, sets: map[string]*setVectors{}}
	for name, s := range sets {
		if err := v.open(name, s, log); err != nil {
			return nil, errors.Join(err, v.close())
		}
	}
	if err := v.takeMean(); err != nil {
		return nil, errors.Join(err, v.close())
	}
	return v, nil
}

// adopt takes in a set that came with its vectors.
func (v *vectors) adopt(name string, s *set, log *slog.Logger) error {
	if err := v.open(name, s, log); err != nil {
		return err
	}
	if err := v.takeMean(); err != nil {
		return err
	}
	return v.takeChance()
}

// open opens and checks the file of a set, if it has one.
func (v *vectors) open(name string, s *set, log *slog.Logger) error {
	f, err := openVectorFile(s.dir, v.model)
	if err == nil && v.dim != 0 && f.dim != v.dim {
		err = errors.Join(ErrDamaged, ErrDimension, f.close())
	}
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case errors.Is(err, ErrDamaged):
		log.Warn("vectors are damaged and will be made again", "set", name, "err", err)
		return nil
	case err != nil:
		return fmt.Errorf("open vectors of %s: %w", name, err)
	}
	had := f.n
	if err := f.scan(s.passages.n, func(int, []byte) {}); err != nil {
		return errors.Join(fmt.Errorf("load vectors of %s: %w", name, err), f.close())
	}
	if f.n < had {
		log.Warn("vectors are damaged and will be made again", "set", name, "from", f.n)
	}
	v.dim, v.sets[name] = f.dim, &setVectors{file: f}
	return nil
}

// takeMean computes the mean of everything and the codes of everything from it.
func (v *vectors) takeMean() error {
	if v.dim == 0 {
		return nil
	}
	sum := make([]float64, v.dim)
	count := 0
	for _, s := range v.sets {
		err := s.file.scan(s.file.n, func(_ int, rec []byte) {
			scale := float64(recordScale(rec))
			for j := range sum {
				sum[j] += float64(int8(rec[j])) * scale
			}
			count++
		})
		if err != nil {
			return err
		}
	}
	v.mean, v.meant = make([]float32, v.dim), count
	for j := range sum {
		v.mean[j] = float32(sum[j] / float64(max(count, 1)))
	}
	clear(sum)
	for _, s := range v.sets {
		s.codes = make([]uint64, 0, s.file.n*v.words())
		if err := s.file.scan(s.file.n, func(_ int, rec []byte) {
			s.codes = v.appendCode(s.codes, rec)
			scale := recordScale(rec)
			for j := range sum {
				sum[j] += math.Abs(float64(float32(int8(rec[j]))*scale - v.mean[j]))
			}
		}); err != nil {
			return err
		}
	}
	v.spread = make([]float32, v.dim)
	for j := range sum {
		v.spread[j] = float32(sum[j] / float64(max(count, 1)))
	}
	return nil
}

// publish counts records that were written to the file of a set.
func (v *vectors) publish(s *setVectors, records []byte) error {
	if v.mean == nil {
		v.mean, v.spread = make([]float32, v.dim), make([]float32, v.dim)
	}
	size := s.file.recordSize()
	for at := 0; at < len(records); at += size {
		s.codes = v.appendCode(s.codes, records[at:at+size])
		s.file.n++
	}
	if v.total() >= 2*v.meant {
		if err := v.takeMean(); err != nil {
			return err
		}
	}
	if 4*v.total() >= 5*v.chance.over {
		return v.takeChance()
	}
	return nil
}

func (v *vectors) appendCode(codes []uint64, rec []byte) []uint64 {
	inverse := 1 / recordScale(rec)
	for from := 0; from < v.dim; from += 64 {
		var word uint64
		for j := from; j < min(from+64, v.dim); j++ {
			if float32(int8(rec[j])) > v.mean[j]*inverse {
				word |= 1 << (j - from)
			}
		}
		codes = append(codes, word)
	}
	return codes
}

func (v *vectors) drop(set string) error {
	s := v.sets[set]
	if s == nil {
		return nil
	}
	delete(v.sets, set)
	return s.file.close()
}

func (v *vectors) close() error {
	var errs []error
	for _, s := range v.sets {
		errs = append(errs, s.file.close())
	}
	return errors.Join(errs...)
}
