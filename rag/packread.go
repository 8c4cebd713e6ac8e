package rag

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"

	"savoirs/rag/extract"
)

// incomingPack is a pack from elsewhere.
type incomingPack struct {
	stamp PackStamp
	files fs.FS
	docs  fs.FS
}

// each calls visit with each passage, in order and held to limits.
func (p *incomingPack) each(ctx context.Context, visit func(Passage) error) error {
	f, err := p.files.Open(passagesName)
	if err != nil {
		return falsePack("no passages: %w", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(io.LimitReader(f, p.stamp.Bytes))
	lines.Buffer(make([]byte, 0, 1<<16), maxPassageLen)
	n := 0
	for ; lines.Scan(); n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		if n == p.stamp.Passages {
			return falsePack("more than the %d passages it says", n)
		}
		q, err := parsePassage(lines.Bytes(), n)
		if err != nil {
			return err
		}
		if err := visit(q); err != nil {
			return err
		}
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		return falsePack("passage %d is longer than %d bytes", n, maxPassageLen)
	} else if err != nil {
		return fmt.Errorf("read the passages of a pack: %w", err)
	}
	if n != p.stamp.Passages {
		return falsePack("%d passages, not %d", n, p.stamp.Passages)
	}
	return nil
}

// parsePassage reads passage n of a pack.
func parsePassage(line []byte, n int) (Passage, error) {
	var q Passage
	if err := json.Unmarshal(line, &q); err != nil {
		return q, falsePack("passage %d: %w", n, err)
	}
	q.Set, q.From = "", nil
	fits := q.N == n && q.Start >= 0 && q.Start <= q.End && q.Page >= 0 && q.Text != "" && languageTag(q.Lang) == q.Lang
	for _, s := range []string{q.Title, q.Heading, q.Text} {
		fits = fits && extract.Fit(s)
	}
	if !fits {
		return q, falsePack("passage %d is not one that documents give", n)
	}
	return q, nil
}

// stretch is the passages [from, to) of a document.
type stretch struct{ from, to int }

// passages copies the passages to w and returns where each document has its own.
func (p *incomingPack) passages(ctx context.Context, names []string, w *passageWriter) (map[string]stretch, error) {
	ranges := map[string]stretch{}
	next := 0 // the first of names that may come now
	err := p.each(ctx, func(q Passage) error {
		r, ok := ranges[q.Doc]
		if !ok {
			for next < len(names) && names[next] != q.Doc {
				next++
			}
			if next == len(names) {
				return falsePack("passage %d is of %.200q, which is no document of the dataset or not in its turn", q.N, q.Doc)
			}
			r.from = q.N
		}
		if names[next] != q.Doc {
			return falsePack("passage %d of %.200q is not among its others", q.N, q.Doc)
		}
		r.to = q.N + 1
		ranges[q.Doc] = r
		return w.add(q)
	})
	return ranges, err
}

// vectors copies the vectors to a file of an index, all or none.
func (p *incomingPack) vectors(ctx context.Context, to string) error {
	in, err := p.files.Open(packVectors)
	if err != nil {
		return falsePack("no vectors: %w", err)
	}
	defer in.Close()
	head := make([]byte, vectorHeader)
	if _, err := io.ReadFull(in, head); err != nil {
		return falsePack("vectors: %w", err)
	}
	model, dim, err := readVectorHeader(bytes.NewReader(head), vectorMagic)
	if err != nil || model != p.stamp.Model || dim != p.stamp.Dim {
		return falsePack("vectors of another model")
	}
	codes, err := p.codes()
	if err != nil {
		return err
	}
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(out, 1<<18)
	w.Write(head)
	if err := p.copyRecords(ctx, bufio.NewReaderSize(in, 1<<18), w, codes); err != nil {
		return errors.Join(err, out.Close())
	}
	return errors.Join(w.Flush(), out.Sync(), out.Close())
}

// copyRecords checks each record, and the sign codes by it.
func (p *incomingPack) copyRecords(ctx context.Context, in io.Reader, out io.Writer, codes Codes) error {
	signs := &vectors{dim: p.stamp.Dim, mean: codes.Mean}
	words := signs.words()
	rec := make([]byte, recordSize(p.stamp.Dim))
	code := make([]uint64, 0, words)
	for n := range p.stamp.Passages {
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, err := io.ReadFull(in, rec); err != nil {
			return falsePack("vector %d: %w", n, err)
		}
		if !goodRecord(rec) || !unitRecord(rec) {
			return falsePack("vector %d is none", n)
		}
		code = signs.appendCode(code[:0], rec)
		for i, w := range code {
			if codes.Words[n*words+i] != w {
				return falsePack("sign code %d is not that of its vector", n)
			}
		}
		if _, err := out.Write(rec); err != nil {
			return err
		}
	}
	if n, _ := in.Read(make([]byte, 1)); n != 0 {
		return falsePack("more vectors than passages")
	}
	return nil
}

func (p *incomingPack) codes() (Codes, error) {
	f, err := p.files.Open(packCodes)
	if err != nil {
		return Codes{}, falsePack("no codes: %w", err)
	}
	defer f.Close()
	size := 16 + 4*int64(p.stamp.Dim) + 8*int64((p.stamp.Dim+63)/64)*int64(p.stamp.Passages)
	b, err := io.ReadAll(io.LimitReader(f, size+1))
	if err != nil {
		return Codes{}, fmt.Errorf("read the codes of a pack: %w", err)
	}
	c, err := ParseCodes(b)
	if err == nil && (len(c.Mean) != p.stamp.Dim || c.Len() != p.stamp.Passages) {
		err = falsePack("codes of %d passages with %d components", c.Len(), len(c.Mean))
	}
	return c, err
}

// unitRecord tells whether a record has the length of a vector that appendRecord wrote.
func unitRecord(rec []byte) bool {
	var square float64
	body := rec[:len(rec)-8]
	for _, b := range body {
		square += float64(int8(b)) * float64(int8(b))
	}
	length := math.Sqrt(square) * float64(math.Float32frombits(binary.LittleEndian.Uint32(rec[len(body):])))
	return length > .98 && length < 1.1
}
