package rag

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// The vectors of a set under one model are one append-only file, a record for each passage in order,
// so that the number of records is how far embedding has come:
//
//	header (512 bytes): "svrsvec1" | dim u32 | length of model u32 | model … | zeros | crc32c u32
//	record:             int8 × dim | scale f32 | crc32c u32                      little endian
//
// A vector is normalised, then component i is int8[i] × scale. Sign codes are not stored: they are
// made when the file is loaded, from the mean of what is loaded.
const (
	vectorMagic    = "svrsvec1"
	vectorHeader   = 512
	vectorPrefix   = "vectors-"
	maxModelDigest = vectorHeader - len(vectorMagic) - 12
	maxDim         = 8192
)

// vectorFile is open for reading and appending. Reads may be concurrent with one append: n is raised
// by the caller once the append returned.
type vectorFile struct {
	f     *os.File
	model string
	dim   int
	n     int // records known to be good
}

func (v *vectorFile) recordSize() int { return recordSize(v.dim) }

func recordSize(dim int) int { return dim + 8 }

// vectorName names the file of a model: readable where the digest is plain, and the header decides.
func vectorName(model string) string {
	digest := model[strings.LastIndex(model, ":")+1:]
	if len(digest) >= 16 && strings.Trim(digest[:16], "0123456789abcdef") == "" {
		return vectorPrefix + digest[:16]
	}
	sum := sha256.Sum256([]byte(model))
	return vectorPrefix + hex.EncodeToString(sum[:8])
}

// createVectorFile starts an empty file, over whatever had its name.
func createVectorFile(dir, model string, dim int) (*vectorFile, error) {
	h, err := makeVectorHeader(vectorMagic, model, dim)
	if err != nil {
		return nil, err
	}
	name := filepath.Join(dir, vectorName(model))
	if err := writeFileDurably(name, h); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return &vectorFile{f: f, model: model, dim: dim}, nil
}

func makeVectorHeader(magic, model string, dim int) ([]byte, error) {
	if dim < 1 || dim > maxDim {
		return nil, fmt.Errorf("%d components: %w", dim, ErrDimension)
	}
	if len(model) > maxModelDigest {
		return nil, fmt.Errorf("model digest of %d bytes, at most %d", len(model), maxModelDigest)
	}
	h := make([]byte, vectorHeader)
	copy(h, magic)
	binary.LittleEndian.PutUint32(h[8:], uint32(dim))
	binary.LittleEndian.PutUint32(h[12:], uint32(len(model)))
	copy(h[16:], model)
	binary.LittleEndian.PutUint32(h[vectorHeader-4:], crc32.Checksum(h[:vectorHeader-4], castagnoli))
	return h, nil
}

// openVectorFile opens the file of a model. The records are not looked at yet: see scan. ErrDamaged
// when the header is not one of ours for this model.
func openVectorFile(dir, model string) (*vectorFile, error) {
	f, err := os.OpenFile(filepath.Join(dir, vectorName(model)), os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	v, err := readVectorFile(f)
	if err == nil && v.model != model {
		err = fmt.Errorf("vectors of another model, %.80q: %w", v.model, ErrDamaged)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return v, nil
}

func readVectorFile(f *os.File) (*vectorFile, error) {
	model, dim, err := readVectorHeader(f, vectorMagic)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	v := &vectorFile{f: f, model: model, dim: dim}
	v.n = int((st.Size() - vectorHeader) / int64(v.recordSize()))
	return v, nil
}

// readVectorHeader returns what a header of that magic says: ErrDamaged when it is none.
func readVectorHeader(r io.ReaderAt, magic string) (model string, dim int, err error) {
	h := make([]byte, vectorHeader)
	if _, err := r.ReadAt(h, 0); err != nil {
		return "", 0, errors.Join(ErrDamaged, err)
	}
	d, length := binary.LittleEndian.Uint32(h[8:]), binary.LittleEndian.Uint32(h[12:])
	if string(h[:8]) != magic || crc32.Checksum(h[:vectorHeader-4], castagnoli) != binary.LittleEndian.Uint32(h[vectorHeader-4:]) ||
		d < 1 || d > maxDim || length > uint32(maxModelDigest) {
		return "", 0, fmt.Errorf("vector file header: %w", ErrDamaged)
	}
	return string(h[16 : 16+length]), int(d), nil
}

// scan calls visit with each record up to limit and cuts the file before the first that is torn or
// damaged: those after it are embedded again.
func (v *vectorFile) scan(limit int, visit func(i int, rec []byte)) error {
	v.n = min(v.n, limit)
	r := bufio.NewReaderSize(io.NewSectionReader(v.f, vectorHeader, int64(v.n)*int64(v.recordSize())), 1<<18)
	rec := make([]byte, v.recordSize())
	for i := range v.n {
		if _, err := io.ReadFull(r, rec); err != nil {
			return fmt.Errorf("read vectors: %w", err)
		}
		if !goodRecord(rec) {
			v.n = i
			break
		}
		visit(i, rec)
	}
	return v.f.Truncate(vectorHeader + int64(v.n)*int64(v.recordSize()))
}

// write puts records after the last and makes them durable. It does not raise n.
func (v *vectorFile) write(records []byte) error {
	if _, err := v.f.WriteAt(records, vectorHeader+int64(v.n)*int64(v.recordSize())); err != nil {
		return err
	}
	return v.f.Sync()
}

// read fills rec with record i: ErrDamaged when it is not what was written.
func (v *vectorFile) read(i int, rec []byte) error {
	if _, err := v.f.ReadAt(rec, vectorHeader+int64(i)*int64(v.recordSize())); err != nil {
		return err
	}
	if !goodRecord(rec) {
		return fmt.Errorf("vector %d: %w", i, ErrDamaged)
	}
	return nil
}

func (v *vectorFile) close() error { return v.f.Close() }

func goodRecord(rec []byte) bool {
	body := len(rec) - 4
	return crc32.Checksum(rec[:body], castagnoli) == binary.LittleEndian.Uint32(rec[body:])
}

// appendRecord normalises v, quantises it and appends its record. The scale is the one that leaves no
// error along v itself (scale = |v| / v·int8): near neighbours point almost the same way, so their
// cosines lose the least.
func appendRecord(dst []byte, v []float32) ([]byte, error) {
	var square, largest float64
	for _, x := range v {
		square += float64(x) * float64(x)
		largest = max(largest, math.Abs(float64(x)))
	}
	if square == 0 || math.IsNaN(square) || math.IsInf(square, 0) {
		return dst, errors.New("vector has no direction")
	}
	start, along := len(dst), 0.0
	for _, x := range v {
		i := math.Round(float64(x) / largest * 127)
		along += float64(x) * i
		dst = append(dst, byte(int8(i)))
	}
	scale := float32(math.Sqrt(square) / along)
	dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(scale))
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli)), nil
}

func recordScale(rec []byte) float32 {
	return math.Float32frombits(binary.LittleEndian.Uint32(rec[len(rec)-8:]))
}

// lastVectors tells what the most recently written vector file of a set holds, without loading it.
func lastVectors(dir string, limit int) (model string, n int) {
	files, err := filepath.Glob(filepath.Join(dir, vectorPrefix+"*"))
	if err != nil {
		return "", 0
	}
	var newest time.Time
	for _, name := range files {
		st, err := os.Stat(name)
		if err != nil || !st.ModTime().After(newest) {
			continue
		}
		f, err := os.Open(name)
		if err != nil {
			continue
		}
		if v, err := readVectorFile(f); err == nil {
			newest, model, n = st.ModTime(), v.model, min(v.n, limit)
		}
		f.Close()
	}
	return model, n
}
