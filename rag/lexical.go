package rag

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"

	"github.com/blevesearch/bleve/v2"
	"github.com/blevesearch/bleve/v2/analysis"
	"github.com/blevesearch/bleve/v2/analysis/analyzer/keyword"
	"github.com/blevesearch/bleve/v2/analysis/tokenizer/single"
	"github.com/blevesearch/bleve/v2/document"
	"github.com/blevesearch/bleve/v2/index/scorch"
	"github.com/blevesearch/bleve/v2/mapping"
	index "github.com/blevesearch/bleve_index_api"
)

// lexical keeps the postings of one Index in bleve. Only postings: the text is in the passages file,
// and scores are computed by bm25.go. Each bleve document is a passage, named by docID, with its terms
// in the field of its language and its set in fieldSet.
type lexical struct {
	bleve   bleve.Index
	analyze analyzer

	mu        sync.Mutex          // guards what is below
	bySound   map[string][]string // French terms by sound, when the index had bySoundOf passages
	bySoundOf uint64
}

const (
	fieldSet       = "set"
	lexicalVersion = "5" // another analysis or layout: change it, and the index is rebuilt from passages
	lexicalBatch   = 500
)

var versionKey = []byte("version")

// openLexical opens or makes the index at dir. One that does not open, or is of another version, is
// made anew, empty. Only one process may have it open.
func openLexical(dir string, log *slog.Logger) (*lexical, error) {
	ix, err := bleve.OpenUsing(dir, map[string]any{"bolt_timeout": "2s"})
	if err == nil {
		if v, err := ix.GetInternal(versionKey); err == nil && string(v) == lexicalVersion {
			return &lexical{bleve: ix, analyze: newAnalyzer()}, nil
		}
		if err := ix.Close(); err != nil {
			return nil, err
		}
	} else if strings.Contains(err.Error(), "timeout") { // bbolt's file lock
		return nil, fmt.Errorf("open lexical index %s, which another process has open: %w", dir, err)
	} else if _, statErr := os.Stat(dir); statErr == nil {
		log.Info("lexical index is made anew", "dir", dir, "err", err)
	}
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	m := bleve.NewIndexMapping()
	m.DefaultMapping = mapping.NewDocumentDisabledMapping() // documents are built field by field here
	m.DefaultAnalyzer = keyword.Name
	m.ScoringModel = index.BM25Scoring
	if ix, err = bleve.NewUsing(dir, m, scorch.Name, scorch.Name, nil); err != nil {
		return nil, fmt.Errorf("create lexical index %s: %w", dir, err)
	}
	if err := ix.SetInternal(versionKey, []byte(lexicalVersion)); err != nil {
		ix.Close()
		return nil, fmt.Errorf("create lexical index %s: %w", dir, err)
	}
	return &lexical{bleve: ix, analyze: newAnalyzer()}, nil
}

// add indexes the passages of a set; langOf resolves their language. It returns what each field got.
func (l *lexical) add(ctx context.Context, f *passageFile, langOf func(string) string) (map[field]fieldSize, error) {
	sizes := map[field]fieldSize{}
	whole := &analysis.DefaultAnalyzer{Tokenizer: single.NewSingleTokenTokenizer()}
	b := l.bleve.NewBatch()
	for n := range f.n {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		p, err := f.read(n)
		if err != nil {
			return nil, err
		}
		fl := fieldOf(langOf(p.Lang))
		text := p.lexicalText()
		size := sizes[fl]
		size.Passages++
		size.Terms += int64(len(l.analyze.terms(fl, text)))
		sizes[fl] = size

		d := document.NewDocument(docID(f.set, n))
		d.AddField(document.NewTextFieldCustom(string(fl), nil, []byte(text), index.IndexField, l.analyze[fl]))
		d.AddField(document.NewTextFieldCustom(fieldSet, nil, []byte(f.set), index.IndexField, whole))
		if err := b.IndexAdvanced(d); err != nil {
			return nil, fmt.Errorf("index passage %d of %s: %w", n, f.set, err)
		}
		if b.Size() >= lexicalBatch {
			if err := l.bleve.Batch(b); err != nil {
				return nil, fmt.Errorf("index passages of %s: %w", f.set, err)
			}
			b.Reset()
		}
	}
	if err := l.bleve.Batch(b); err != nil {
		return nil, fmt.Errorf("index passages of %s: %w", f.set, err)
	}
	return sizes, nil
}

// remove takes every passage of a set out of the index.
func (l *lexical) remove(set string) error {
	for {
		ids, err := l.some(set, 2*lexicalBatch)
		if err != nil || len(ids) == 0 {
			return err
		}
		b := l.bleve.NewBatch()
		for _, id := range ids {
			b.Delete(id)
		}
		if err := l.bleve.Batch(b); err != nil {
			return fmt.Errorf("remove %s from the lexical index: %w", set, err)
		}
	}
}

// some returns the names of at most limit passages of a set.
func (l *lexical) some(set string, limit int) (ids []string, err error) {
	err = l.read(func(r index.IndexReader) error {
		tfr, err := r.TermFieldReader(context.Background(), []byte(set), fieldSet, false, false, false)
		if err != nil {
			return err
		}
		defer tfr.Close()
		for len(ids) < limit {
			d, err := tfr.Next(nil)
			if err != nil || d == nil {
				return err
			}
			id, err := r.ExternalID(d.ID)
			if err != nil {
				return err
			}
			ids = append(ids, id)
		}
		return nil
	})
	return ids, err
}

// counts returns how many passages of each set are in the index.
func (l *lexical) counts() (map[string]int, error) {
	counts := map[string]int{}
	err := l.read(func(r index.IndexReader) error {
		dict, err := r.FieldDict(fieldSet)
		if err != nil {
			return err
		}
		defer dict.Close()
		for {
			e, err := dict.Next()
			if err != nil || e == nil {
				return err
			}
			tfr, err := r.TermFieldReader(context.Background(), []byte(e.Term), fieldSet, false, false, false)
			if err != nil {
				return err
			}
			if n := int(tfr.Count()); n > 0 { // the dictionary remembers removed ones until a merge
				counts[e.Term] = n
			}
			if err := tfr.Close(); err != nil {
				return err
			}
		}
	})
	return counts, err
}

// read calls f with a snapshot of the index.
func (l *lexical) read(f func(index.IndexReader) error) error {
	advanced, err := l.bleve.Advanced()
	if err != nil {
		return err
	}
	r, err := advanced.Reader()
	if err != nil {
		return err
	}
	defer r.Close()
	return f(r)
}

func (l *lexical) close() error { return l.bleve.Close() }
