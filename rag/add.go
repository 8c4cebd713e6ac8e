package rag

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"savoirs/rag/extract"
)

// source is one document of a set to add, or the reason why there is none.
type source struct {
	path string
	doc  extract.Document
	err  error
}

// Add makes the documents of fsys searchable as one set; a ZIM archive is as many as it has articles. It
// returns when they are, durably. A set that is complete is left as it is; one that is not is made from
// the beginning. Documents that cannot be read are skipped and named in the report, hidden files and
// those of other formats are passed over in silence. progress, which may be nil, is called with documents
// done and documents to do, of which there may turn out to be more.
//
// When ctx ends, or on an error of fsys as a whole, nothing of the set is searchable.
func (x *Index) Add(ctx context.Context, set, title string, fsys fs.FS, progress func(done, total int)) (Report, error) {
	if err := checkSetName(set); err != nil {
		return Report{}, err
	}
	names, err := documentsOf(fsys)
	if err != nil {
		return Report{}, fmt.Errorf("add %s: %w", set, err)
	}
	glossary, skips, err := readGlossary(fsys)
	if err != nil {
		return Report{}, fmt.Errorf("add %s: %w", set, err)
	}
	m := marker{Title: title, Glossary: glossary, Report: Report{Skipped: skips, Unread: len(skips)}}
	r := documents{fsys: fsys, options: x.extract, progress: progress, log: x.log.With("set", set)}
	return x.add(ctx, set, m, r.all(ctx, names))
}

// documentsOf lists the files that can be read, in the order of their paths.
func documentsOf(fsys fs.FS) (names []string, err error) {
	err = fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if hidden := strings.HasPrefix(d.Name(), ".") && name != "."; hidden && d.IsDir() {
			return fs.SkipDir
		} else if !hidden && d.Type().IsRegular() && !isGlossary(name) && (extract.Supported(name) || extract.IsLibrary(name)) {
			names = append(names, name)
		}
		return nil
	})
	return names, err
}

// add makes a set of the documents given.
func (x *Index) add(ctx context.Context, name string, m marker, docs iter.Seq[source]) (Report, error) {
	x.writing.Lock()
	defer x.writing.Unlock()
	x.mu.RLock()
	have, closed := x.sets[name], x.closed
	x.mu.RUnlock()
	switch {
	case closed:
		return Report{}, fmt.Errorf("add %s: index is closed", name)
	case have != nil:
		return have.mark.Report, nil
	}
	return x.make(ctx, name, m, func(w *passageWriter, m *marker) error {
		seen, err := write(ctx, w, m, docs)
		if err == nil {
			m.Langs, m.Lang = seen.languages()
		}
		return err
	})
}

// make makes a set of what fill writes and says of it, and offers it. The caller holds x.writing.
func (x *Index) make(ctx context.Context, name string, m marker, fill func(*passageWriter, *marker) error) (Report, error) {
	m, err := x.build(ctx, name, m, fill)
	if err != nil {
		return Report{}, errors.Join(fmt.Errorf("add %s: %w", name, err), x.clear(name))
	}
	s, err := openSet(x.setDir(name))
	if err != nil {
		return Report{}, fmt.Errorf("add %s: %w", name, err)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.closed {
		return m.Report, s.close()
	}
	x.sets[name] = s
	if x.vectors == nil || s.mark.Pack == nil {
		return m.Report, nil
	}
	return m.Report, x.vectors.adopt(name, s, x.log)
}

// build writes everything of a set, the marker last.
func (x *Index) build(ctx context.Context, name string, m marker, fill func(*passageWriter, *marker) error) (marker, error) {
	if err := x.clear(name); err != nil {
		return marker{}, err
	}
	dir := x.setDir(name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return marker{}, err
	}
	w, err := createPassages(dir)
	if err != nil {
		return marker{}, err
	}
	m.Version, m.Set = setVersion, name
	if err := fill(w, &m); err != nil {
		w.abort()
		return marker{}, err
	}
	if err := w.close(); err != nil {
		return marker{}, err
	}
	m.Report.Passages, m.Bytes = w.n, w.offset

	f, err := openPassages(dir, name, w.n, w.offset)
	if err != nil {
		return marker{}, err
	}
	s := set{mark: m, passages: f}
	m.Fields, err = x.lexical.add(ctx, f, s.langOf)
	if err = errors.Join(err, f.close()); err != nil {
		return marker{}, err
	}
	return m, writeMarker(dir, m)
}

// write splits the documents into passages.
func write(ctx context.Context, w *passageWriter, m *marker, docs iter.Seq[source]) (*tally, error) {
	seen := &tally{bytes: map[string]int{}}
	for src := range docs {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if src.err != nil {
			m.Report.Unread++
			if len(m.Report.Skipped) < MaxSkips {
				m.Report.Skipped = append(m.Report.Skipped, skipped(src.path, src.err))
			}
			continue
		}
		m.Report.Documents++
		for _, p := range cut(src.doc, src.path) {
			seen.count(p.Lang, p.Text)
			if err := w.add(p); err != nil {
				return nil, err
			}
		}
	}
	return seen, ctx.Err()
}

// cut returns the passages of a document.
func cut(d extract.Document, path string) []Passage {
	lang := documentLanguage(d)
	ps := split(d)
	for i := range ps {
		ps[i].Doc, ps[i].Lang = path, lang
	}
	return ps
}

// tally sums up the languages of a set.
type tally struct {
	bytes   map[string]int  // of text in each language
	unknown strings.Builder // the beginning of what is in no known one
}

// detectSample is how much text, in bytes, a language is detected from.
const detectSample = 2 << 10

func (t *tally) count(lang, text string) {
	if lang != "" {
		t.bytes[lang] += len(text)
	} else if room := detectSample - t.unknown.Len(); room > 0 {
		t.unknown.WriteString(cutRunes(text, room) + "\n")
	}
}

// languages returns the known languages, most frequent first, and the one that passages of unknown
// language are treated as: what they are in taken together, else the most frequent. It chooses how
// words are analysed and is not shown as theirs.
func (t *tally) languages() (langs []string, fallback string) {
	langs = slices.SortedFunc(maps.Keys(t.bytes), func(a, b string) int {
		return cmp.Or(t.bytes[b]-t.bytes[a], cmp.Compare(a, b))
	})
	if fallback = questionLanguage(t.unknown.String()); fallback == "" && len(langs) > 0 {
		fallback = langs[0]
	}
	return langs, fallback
}

// documentLanguage is the one declared, else the one detected in its first pages, else unknown.
func documentLanguage(d extract.Document) string {
	if lang := languageTag(d.Lang); lang != "" {
		return lang
	}
	var text strings.Builder
	for _, b := range d.Blocks {
		if text.Len() > detectSample {
			break
		}
		if b.Role == extract.Code {
			continue
		}
		text.WriteString(cutRunes(b.Text, detectSample))
		text.WriteByte('\n')
	}
	return detectLanguage(text.String())
}

// cutRunes returns at most limit bytes of s, ending between runes.
func cutRunes(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}
