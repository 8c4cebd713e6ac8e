package rag

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"log/slog"

	"savoirs/rag/extract"
)

// documents reads the documents of a set, one after the other.
type documents struct {
	fsys     fs.FS
	options  extract.Options
	progress func(done, total int) // may be nil
	log      *slog.Logger

	done, total int // documents; an archive counts as one until it is opened
}

// all reads the files of these names, and the articles of those that are archives.
func (r *documents) all(ctx context.Context, names []string) iter.Seq[source] {
	return func(yield func(source) bool) {
		r.total += len(names)
		for _, name := range names {
			if extract.IsLibrary(name) {
				if !r.articles(ctx, name, yield) {
					return
				}
				continue
			}
			d, err := extract.File(ctx, r.fsys, name, r.options)
			if !r.give(source{name, d, err}, yield) {
				return
			}
		}
	}
}

// articles reads those of one archive; false when nobody wants more.
func (r *documents) articles(ctx context.Context, name string, yield func(source) bool) bool {
	l, err := extract.OpenLibrary(r.fsys, name)
	if err != nil {
		return r.give(source{path: name, err: err}, yield)
	}
	defer l.Close()
	r.total += max(0, l.About.Articles-1)
	for a, err := range l.Articles(ctx, r.options) {
		if errors.Is(err, extract.ErrNoText) {
			r.step()
			continue
		}
		if !r.give(source{a.Name, a.Document, err}, yield) {
			return false
		}
	}
	return true
}

func (r *documents) give(s source, yield func(source) bool) bool {
	if len(s.doc.Warnings) > 0 {
		r.log.Info("parts of a document could not be read", "document", s.path, "parts", s.doc.Warnings)
	}
	if !yield(s) {
		return false
	}
	r.step()
	return true
}

func (r *documents) step() {
	r.done++
	r.total = max(r.total, r.done)
	if r.progress != nil {
		r.progress(r.done, r.total)
	}
}
