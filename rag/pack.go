package rag

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
)

// A pack is what an index holds of a dataset, in a folder that travels with it so that others need not
// extract and embed again:
//
//	pack.json  what it was made of and with: a PackStamp
//	passages   as in an index, one JSON line each
//	vectors    as in an index, a record for each passage
//	codes      the sign codes of the vectors, with the mean they were made from
//
// A pack from elsewhere is foreign bytes: see AddPack.
const (
	packVersion  = 1
	packStamp    = "pack.json"
	packVectors  = "vectors"
	packCodes    = "codes"
	maxStamp     = 64 << 10
	maxPassages  = 4 << 20 // in a pack
	maxPackLangs = 64
)

// SplitterVersion is what packs are stamped with: passages of another one are cut elsewhere.
const SplitterVersion = setVersion

// ErrOtherPack: a pack is for another dataset, another splitter or a later program. It may be good for
// somebody else.
var ErrOtherPack = errors.New("pack does not fit")

// ErrNotEmbedded: a pack was asked of a set whose passages do not all have a vector.
var ErrNotEmbedded = errors.New("not all passages have a vector")

// A PackStamp says what a pack holds, and what it was made of and with.
type PackStamp struct {
	V         int    `json:"v"`
	Base      string `json:"base"`     // the dataset: its root
	Splitter  int    `json:"splitter"` // SplitterVersion
	Model     string `json:"model"`    // digest of the model of the vectors
	Dim       int    `json:"dim"`      // their components
	Passages  int    `json:"passages"` // at least 1
	Bytes     int64  `json:"bytes"`    // of the file of passages
	Documents int    `json:"documents"`
	Unread    int    `json:"unread,omitempty"` // documents that could not be read

	Lang    string              `json:"lang,omitempty"` // as in the set
	Langs   []string            `json:"langs,omitempty"`
	Lexical string              `json:"lexical"` // version of the analysis that Fields counts the terms of
	Fields  map[field]fieldSize `json:"fields"`  // by the field of a language: passages, and terms in them
}

// WritePack writes the pack of a set to dir, an empty folder, and returns its stamp. The vectors are
// those of the model in use. ErrNotFound, ErrNotEmbedded, ErrDamaged.
func (x *Index) WritePack(ctx context.Context, name, dir string) (PackStamp, error) {
	x.mu.RLock()
	s, v := x.sets[name], x.vectors
	whole := s != nil && v != nil && s.passages.n > 0 && v.count(name) == s.passages.n
	x.mu.RUnlock()
	switch {
	case s == nil:
		return PackStamp{}, fmt.Errorf("pack %s: %w", name, ErrNotFound)
	case !whole || s.mark.Pack != nil && !s.mark.Pack.Tried:
		return PackStamp{}, fmt.Errorf("pack %s: %w", name, ErrNotEmbedded)
	}
	stamp := PackStamp{
		V: packVersion, Base: name, Splitter: setVersion, Model: v.model, Dim: v.dim, Passages: s.passages.n, Bytes: s.mark.Bytes,
		Documents: s.mark.Report.Documents, Unread: s.mark.Report.Unread,
		Lang: s.mark.Lang, Langs: s.mark.Langs, Lexical: lexicalVersion, Fields: s.mark.Fields,
	}
	if err := s.writePack(ctx, dir, stamp); err != nil {
		return PackStamp{}, fmt.Errorf("pack %s: %w", name, err)
	}
	return stamp, nil
}

func (s *set) writePack(ctx context.Context, dir string, stamp PackStamp) error {
	if err := copyFile(filepath.Join(s.dir, passagesName), filepath.Join(dir, passagesName)); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := copyFile(filepath.Join(s.dir, vectorName(stamp.Model)), filepath.Join(dir, packVectors)); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(dir, packVectors), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	file, err := readVectorFile(f)
	if err != nil {
		return err
	}
	alone := &vectors{model: stamp.Model, dim: stamp.Dim, sets: map[string]*setVectors{"": {file: file}}}
	if err := file.scan(stamp.Passages, func(int, []byte) {}); err != nil {
		return err
	}
	if file.n != stamp.Passages {
		return fmt.Errorf("vectors: %w", ErrDamaged)
	}
	if err := alone.takeMean(); err != nil {
		return err
	}
	codes := Codes{Mean: alone.mean, Words: alone.sets[""].codes}
	if err := os.WriteFile(filepath.Join(dir, packCodes), codes.marshal(), 0o600); err != nil {
		return err
	}
	text, err := json.MarshalIndent(stamp, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, packStamp), append(text, '\n'), 0o600)
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// ReadPackStamp reads and checks what a pack says it is: ErrFalsePack when no program of ours wrote it,
// ErrOtherPack when a later one may have.
func ReadPackStamp(pack fs.FS) (PackStamp, error) {
	f, err := pack.Open(packStamp)
	if err != nil {
		return PackStamp{}, falsePack("no stamp: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxStamp+1))
	if err != nil {
		return PackStamp{}, fmt.Errorf("read the stamp of a pack: %w", err)
	}
	return ParsePackStamp(text)
}

// ParsePackStamp is ReadPackStamp for a stamp in hand.
func ParsePackStamp(text []byte) (PackStamp, error) {
	var s PackStamp
	if len(text) > maxStamp {
		return s, falsePack("stamp of more than %d bytes", maxStamp)
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return s, falsePack("stamp: %w", err)
	}
	switch {
	case s.V > packVersion:
		return s, fmt.Errorf("pack of version %d: %w", s.V, ErrOtherPack)
	case s.V < 1, checkSetName(s.Base) != nil, s.Dim < 1 || s.Dim > maxDim, s.Model == "" || len(s.Model) > maxModelDigest,
		s.Passages < 1 || s.Passages > maxPassages, s.Bytes < 1 || s.Bytes > int64(s.Passages)*maxPassageLen,
		s.Documents < 0, s.Unread < 0, len(s.Langs) > maxPackLangs:
		return s, falsePack("stamp out of bounds")
	}
	for _, lang := range append([]string{s.Lang}, s.Langs...) {
		if languageTag(lang) != lang {
			return s, falsePack("language %.20q", lang)
		}
	}
	return s, nil
}

// Codes are the sign codes of a pack: bit j of a passage's code is set when component j of its vector is
// above the mean.
type Codes struct {
	Mean  []float32 // one for each component
	Words []uint64  // (len(Mean)+63)/64 for each passage, in order
}

const codesMagic = "svrscod1"

// marshal writes
//
//	"svrscod1" | dim u32 | passages u32 | mean f32 × dim | words u64 …      little endian
func (c Codes) marshal() []byte {
	b := append(make([]byte, 0, 16+4*len(c.Mean)+8*len(c.Words)), codesMagic...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(c.Mean)))
	b = binary.LittleEndian.AppendUint32(b, uint32(c.Len()))
	for _, m := range c.Mean {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(m))
	}
	for _, w := range c.Words {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	return b
}

// Len is the number of passages.
func (c Codes) Len() int { return len(c.Words) / max(1, (len(c.Mean)+63)/64) }

// ParseCodes reads the file of codes of a pack; ErrFalsePack when it is none.
func ParseCodes(b []byte) (Codes, error) {
	if len(b) < 16 || string(b[:8]) != codesMagic {
		return Codes{}, falsePack("codes without their header")
	}
	dim, n := int(binary.LittleEndian.Uint32(b[8:])), int(binary.LittleEndian.Uint32(b[12:]))
	if dim < 1 || dim > maxDim || n < 1 || n > maxPassages {
		return Codes{}, falsePack("codes of %d passages with %d components", n, dim)
	}
	b = b[16:]
	words := n * ((dim + 63) / 64)
	if len(b) != 4*dim+8*words {
		return Codes{}, falsePack("%d bytes of codes", len(b))
	}
	c := Codes{Mean: make([]float32, dim), Words: make([]uint64, words)}
	for j := range c.Mean {
		m := math.Float32frombits(binary.LittleEndian.Uint32(b[4*j:]))
		if !(m >= -1 && m <= 1) {
			return Codes{}, falsePack("mean of codes out of bounds")
		}
		c.Mean[j] = m
	}
	for i := range c.Words {
		c.Words[i] = binary.LittleEndian.Uint64(b[4*dim+8*i:])
	}
	return c, nil
}

// PackOrigin is where a pack came from, and is kept with the set made of it.
type PackOrigin struct {
	Root   string `json:"root"`             // of the pack
	Author string `json:"author,omitempty"` // who published it: a peer id
}

// ErrFalsePack: a pack does not say what its dataset says, or holds vectors that its model does not
// give, or is not built as packs are. Nothing of it is used.
var ErrFalsePack = errors.New("pack is false")

// A PackError says what of a pack is false, and whose it is. It wraps ErrFalsePack.
type PackError struct {
	Set    string
	Origin PackOrigin
	What   string
}

func (e *PackError) Error() string { return fmt.Sprintf("pack of %s: %s", e.Set, e.What) }

// Unwrap says that the pack is false.
func (e *PackError) Unwrap() error { return ErrFalsePack }

func falsePack(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrFalsePack, strings.TrimSpace(fmt.Errorf(format, args...).Error()))
}
