package rag

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// A VectorCache remembers vectors by what they were made of, so that none is made twice: not when a set
// is dropped and added again, moves to another index, comes in a new version or is split anew. Several
// indexes share one. It is files of entries, written one after the other:
//
//	<dir>/<number>-<model>: header as of a vector file, "svrsvca1"
//	entry:                  key [12]byte | int8 × dim | scale f32 | crc32c u32      little endian
//
// When they are too large together, the file with the lowest number goes: the oldest vectors, of
// whichever model. An entry that is torn or damaged ends its file.
type VectorCache struct {
	dir  string
	most int64

	using sync.Mutex // held by the one who works with it
}

const (
	cacheMagic = "svrsvca1"
	// DefaultCacheBytes holds the vectors of some 600,000 passages at 384 components.
	DefaultCacheBytes = 256 << 20
	cacheFiles        = 8 // files the room is shared out among
	keySize           = len(embedKey{})
)

// NewVectorCache returns the cache in dir, made when it is first written, of at most that many bytes;
// 0 is DefaultCacheBytes.
func NewVectorCache(dir string, most int64) *VectorCache {
	if most <= 0 {
		most = DefaultCacheBytes
	}
	return &VectorCache{dir: dir, most: most}
}

// remembered is a cache in use for one model. It holds its keys in memory, some 40 bytes each, until
// it is closed.
type remembered struct {
	c     *VectorCache
	model string
	last  *cacheFile // written to; nil until one is
	files []*cacheFile
	at    map[embedKey]cacheEntry
}

type cacheFile struct {
	f      *os.File
	number int
	dim, n int
}

type cacheEntry struct {
	file *cacheFile
	n    int
}

func entrySize(dim int) int { return keySize + recordSize(dim) }

// use waits for whoever works with the cache and loads what it has of a model.
func (c *VectorCache) use(model string) (*remembered, error) {
	c.using.Lock()
	r := &remembered{c: c, model: model, at: map[embedKey]cacheEntry{}}
	names, err := c.names()
	for _, name := range names {
		if !strings.HasSuffix(name, cacheSuffix(model)) {
			continue
		}
		if err = r.load(name); err != nil {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open cached vectors: %w", err), r.close())
	}
	return r, nil
}

func (r *remembered) close() error {
	var errs []error
	for _, f := range r.files {
		errs = append(errs, f.f.Close())
	}
	r.c.using.Unlock()
	return errors.Join(errs...)
}

// names lists the files, oldest first.
func (c *VectorCache) names() ([]string, error) {
	entries, err := os.ReadDir(c.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		if cacheNumber(e.Name()) > 0 {
			names = append(names, e.Name())
		}
	}
	slices.SortFunc(names, func(a, b string) int { return cacheNumber(a) - cacheNumber(b) })
	return names, err
}

func cacheSuffix(model string) string {
	return "-" + strings.TrimPrefix(vectorName(model), vectorPrefix)
}

// cacheNumber is 0 for a name that is none of ours.
func cacheNumber(name string) int {
	before, _, _ := strings.Cut(name, "-")
	if number, err := strconv.Atoi(before); err == nil && number > 0 {
		return number
	}
	return 0
}

// load reads the keys of a file up to the first entry that is not whole. A file without a header of
// ours for the model is removed.
func (r *remembered) load(name string) error {
	path := filepath.Join(r.c.dir, name)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	model, dim, err := readVectorHeader(f, cacheMagic)
	if err != nil || model != r.model {
		return errors.Join(f.Close(), os.Remove(path))
	}
	file := &cacheFile{f: f, number: cacheNumber(name), dim: dim}
	r.files, r.last = append(r.files, file), file
	in := bufio.NewReaderSize(io.NewSectionReader(f, vectorHeader, 1<<62), 1<<18)
	entry := make([]byte, entrySize(dim))
	for {
		if _, err := io.ReadFull(in, entry); err == io.EOF || err == io.ErrUnexpectedEOF {
			return nil
		} else if err != nil {
			return err
		}
		if !goodRecord(entry) {
			return nil
		}
		r.at[embedKey(entry[:keySize])] = cacheEntry{file, file.n}
		file.n++
	}
}

// record returns the record of what reads like key, or nil when there is none of dim components; a dim
// of 0 takes any.
func (r *remembered) record(key embedKey, dim int) []byte {
	at, ok := r.at[key]
	if !ok || dim != 0 && at.file.dim != dim {
		return nil
	}
	entry := make([]byte, entrySize(at.file.dim))
	if _, err := at.file.f.ReadAt(entry, at.file.offset(at.n)); err != nil || !goodRecord(entry) {
		return nil
	}
	rec := entry[keySize:]
	return binary.LittleEndian.AppendUint32(rec[:len(rec)-4], crc32.Checksum(rec[:len(rec)-4], castagnoli))
}

func (f *cacheFile) offset(n int) int64 { return vectorHeader + int64(n)*int64(entrySize(f.dim)) }

// add remembers records, all of one dimension, those it has already excepted. It is not made durable:
// what a power cut takes is made again when it is wanted.
func (r *remembered) add(keys []embedKey, records [][]byte) error {
	var entries []byte
	var fresh []embedKey
	for i, key := range keys {
		if _, ok := r.at[key]; ok || slices.Contains(fresh, key) {
			continue
		}
		from, rec := len(entries), records[i]
		entries = append(append(entries, key[:]...), rec[:len(rec)-4]...)
		entries = binary.LittleEndian.AppendUint32(entries, crc32.Checksum(entries[from:], castagnoli))
		fresh = append(fresh, key)
	}
	if len(fresh) == 0 {
		return nil
	}
	file, err := r.room(len(records[0]) - recordSize(0))
	if err != nil {
		return fmt.Errorf("cache vectors: %w", err)
	}
	if _, err := file.f.WriteAt(entries, file.offset(file.n)); err != nil {
		return fmt.Errorf("cache vectors: %w", err)
	}
	for _, key := range fresh {
		r.at[key] = cacheEntry{file, file.n}
		file.n++
	}
	return nil
}

// room returns the file to write to, a new one when the last is full or of another dimension.
func (r *remembered) room(dim int) (*cacheFile, error) {
	if f := r.last; f != nil && f.dim == dim && f.offset(f.n) < r.c.most/cacheFiles {
		return f, nil
	}
	number, err := r.makeRoom()
	if err != nil {
		return nil, err
	}
	head, err := makeVectorHeader(cacheMagic, r.model, dim)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(r.c.dir, fmt.Sprintf("%08d%s", number, cacheSuffix(r.model))), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	if _, err := f.Write(head); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	r.last = &cacheFile{f: f, number: number, dim: dim}
	r.files = append(r.files, r.last)
	return r.last, nil
}

// makeRoom removes the oldest files until there is room for another, and returns its number.
func (r *remembered) makeRoom() (number int, err error) {
	if err := os.MkdirAll(r.c.dir, 0o700); err != nil {
		return 0, err
	}
	names, err := r.c.names()
	if err != nil {
		return 0, err
	}
	var total int64
	sizes := make([]int64, len(names))
	for i, name := range names {
		if st, err := os.Stat(filepath.Join(r.c.dir, name)); err == nil {
			sizes[i] = st.Size()
			total += st.Size()
		}
		number = cacheNumber(name)
	}
	for i, name := range names {
		if total <= r.c.most-r.c.most/cacheFiles {
			break
		}
		r.forget(cacheNumber(name))
		if err := os.Remove(filepath.Join(r.c.dir, name)); err != nil {
			return 0, err
		}
		total -= sizes[i]
	}
	return number + 1, nil
}

// forget drops what is known of a file.
func (r *remembered) forget(number int) {
	for key, at := range r.at {
		if at.file.number == number {
			delete(r.at, key)
		}
	}
	r.files = slices.DeleteFunc(r.files, func(f *cacheFile) bool {
		if f.number == number {
			f.f.Close()
		}
		return f.number == number
	})
}
