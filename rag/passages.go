package rag

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The passages of a set are two files: `passages`, one JSON line each, which any program can read, and
// `passages.idx`, a fixed record each, which says where the line is and what it should hold:
//
//	offset u64 | length u32 | crc32c u32 | language [4]byte | key [12]byte      little endian
//
// The key is a hash of what is embedded: equal keys have equal vectors.
const (
	passagesName  = "passages"
	placesName    = "passages.idx"
	placeSize     = 32
	maxPassageLen = 1 << 20 // a line; splitting keeps far below
)

type embedKey [12]byte

type place struct {
	offset int64
	length uint32
	sum    uint32
	lang   [4]byte
	key    embedKey
}

func (p place) language() string { return strings.TrimRight(string(p.lang[:]), "\x00") }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// embedText is what the model reads of a passage: where it stands, then what it says.
func (p Passage) embedText() string {
	text := p.Text
	if p.Context != "" {
		text = p.Context + "\n" + text
	}
	switch {
	case p.Title != "" && p.Heading != "":
		return p.Title + " > " + p.Heading + "\n" + text
	case p.Title != "" || p.Heading != "":
		return p.Title + p.Heading + "\n" + text
	}
	return text
}

// keyOf is the key of what is embedded of p.
func keyOf(p Passage) embedKey {
	sum := sha256.Sum256([]byte(p.embedText()))
	return embedKey(sum[:])
}

// lexicalText is what is searched by words: the heading counts once more, because it is often the very
// question that the passage answers.
func (p Passage) lexicalText() string {
	last := p.Heading
	if i := strings.LastIndex(last, " > "); i >= 0 {
		last = last[i+len(" > "):]
	}
	if last == "" {
		return p.embedText()
	}
	return p.embedText() + "\n" + last
}

// passageWriter appends passages to a new pair of files.
type passageWriter struct {
	data, places *os.File
	dw, pw       *bufio.Writer
	offset       int64
	n            int
}

func createPassages(dir string) (*passageWriter, error) {
	data, err := os.Create(filepath.Join(dir, passagesName))
	if err != nil {
		return nil, err
	}
	places, err := os.Create(filepath.Join(dir, placesName))
	if err != nil {
		data.Close()
		return nil, err
	}
	return &passageWriter{data: data, places: places, dw: bufio.NewWriterSize(data, 1<<16), pw: bufio.NewWriter(places)}, nil
}

// add numbers p and writes it. Set is left out: the folder says it, and a set may change folders.
func (w *passageWriter) add(p Passage) error {
	p.Set, p.N = "", w.n
	line, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("encode passage %d: %w", w.n, err)
	}
	line = append(line, '\n')
	if len(line) > maxPassageLen {
		return fmt.Errorf("passage %d of %s is %d bytes long, at most %d are kept", w.n, p.Doc, len(line), maxPassageLen)
	}
	if _, err := w.dw.Write(line); err != nil {
		return err
	}
	var rec [placeSize]byte
	binary.LittleEndian.PutUint64(rec[0:], uint64(w.offset))
	binary.LittleEndian.PutUint32(rec[8:], uint32(len(line)))
	binary.LittleEndian.PutUint32(rec[12:], crc32.Checksum(line, castagnoli))
	copy(rec[16:20], p.Lang)
	key := keyOf(p)
	copy(rec[20:], key[:])
	if _, err := w.pw.Write(rec[:]); err != nil {
		return err
	}
	w.offset += int64(len(line))
	w.n++
	return nil
}

// close makes everything written durable.
func (w *passageWriter) close() error {
	return errors.Join(w.dw.Flush(), w.pw.Flush(), w.data.Sync(), w.places.Sync(), w.data.Close(), w.places.Close())
}

// flush makes what was written readable.
func (w *passageWriter) flush() error { return errors.Join(w.dw.Flush(), w.pw.Flush()) }

func (w *passageWriter) abort() {
	w.data.Close()
	w.places.Close()
}

// passageFile reads passages. Safe for concurrent use. It is read, not mapped: a card that fails gives
// an error instead of a dead process.
type passageFile struct {
	set          string
	data, places *os.File
	n            int
	size         int64
	langs        []string // that occur, at most 256
	lang         []uint8  // of each passage, a place in langs: asked of every candidate of a search
}

// openPassages opens the files of a set that should hold n passages in size bytes.
func openPassages(dir, set string, n int, size int64) (*passageFile, error) {
	data, err := os.Open(filepath.Join(dir, passagesName))
	if err != nil {
		return nil, err
	}
	f := &passageFile{set: set, data: data, n: n, size: size}
	if f.places, err = os.Open(filepath.Join(dir, placesName)); err != nil {
		data.Close()
		return nil, err
	}
	ds, err1 := data.Stat()
	ps, err2 := f.places.Stat()
	if err := errors.Join(err1, err2); err != nil {
		f.close()
		return nil, err
	}
	if ds.Size() != size || ps.Size() != int64(n)*placeSize {
		f.close()
		return nil, fmt.Errorf("passages of %s: %w", set, ErrDamaged)
	}
	if err := f.readLanguages(); err != nil {
		f.close()
		return nil, fmt.Errorf("passages of %s: %w", set, err)
	}
	return f, nil
}

// readLanguages notes the language of each passage; where they are more than 256, of the others none.
func (f *passageFile) readLanguages() error {
	in := bufio.NewReaderSize(io.NewSectionReader(f.places, 0, int64(f.n)*placeSize), 1<<16)
	f.lang, f.langs = make([]uint8, f.n), []string{""}
	var rec [placeSize]byte
	for n := range f.lang {
		if _, err := io.ReadFull(in, rec[:]); err != nil {
			return err
		}
		lang := parsePlace(rec[:]).language()
		at := slices.Index(f.langs, lang)
		if at < 0 && len(f.langs) <= math.MaxUint8 {
			at = len(f.langs)
			f.langs = append(f.langs, lang)
		}
		f.lang[n] = uint8(max(at, 0))
	}
	return nil
}

func (f *passageFile) language(n int) string { return f.langs[f.lang[n]] }

func (f *passageFile) place(n int) (place, error) {
	var rec [placeSize]byte
	if n < 0 || n >= f.n {
		return place{}, fmt.Errorf("passage %d of %s: %w", n, f.set, ErrNotFound)
	}
	if _, err := f.places.ReadAt(rec[:], int64(n)*placeSize); err != nil {
		return place{}, fmt.Errorf("passage %d of %s: %w", n, f.set, err)
	}
	return parsePlace(rec[:]), nil
}

// allPlaces reads every record, for work that looks at all passages.
func (f *passageFile) allPlaces() ([]place, error) {
	b := make([]byte, f.n*placeSize)
	if _, err := f.places.ReadAt(b, 0); err != nil {
		return nil, fmt.Errorf("places of %s: %w", f.set, err)
	}
	all := make([]place, f.n)
	for i := range all {
		all[i] = parsePlace(b[i*placeSize:])
	}
	return all, nil
}

func parsePlace(b []byte) (p place) {
	p.offset = int64(binary.LittleEndian.Uint64(b[0:]))
	p.length = binary.LittleEndian.Uint32(b[8:])
	p.sum = binary.LittleEndian.Uint32(b[12:])
	copy(p.lang[:], b[16:20])
	copy(p.key[:], b[20:])
	return p
}

// read returns passage n: ErrNotFound beyond the last, ErrDamaged when it is not what was written.
func (f *passageFile) read(n int) (Passage, error) {
	at, err := f.place(n)
	if err != nil {
		return Passage{}, err
	}
	return f.readAt(n, at)
}

func (f *passageFile) readAt(n int, at place) (Passage, error) {
	damaged := func() (Passage, error) {
		return Passage{}, fmt.Errorf("passage %d of %s: %w", n, f.set, ErrDamaged)
	}
	if at.length == 0 || at.length > maxPassageLen || at.offset < 0 || at.offset > f.size-int64(at.length) {
		return damaged()
	}
	line := make([]byte, at.length)
	if _, err := f.data.ReadAt(line, at.offset); err != nil {
		return Passage{}, fmt.Errorf("passage %d of %s: %w", n, f.set, err)
	}
	var p Passage
	if crc32.Checksum(line, castagnoli) != at.sum || json.Unmarshal(line, &p) != nil || p.N != n {
		return damaged()
	}
	p.Set = f.set
	return p, nil
}

func (f *passageFile) close() error { return errors.Join(f.data.Close(), f.places.Close()) }
