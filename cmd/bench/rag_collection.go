package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/runes"
	"golang.org/x/text/transform"
	"golang.org/x/text/unicode/norm"

	"savoirs/rag"
	"savoirs/rag/extract"
)

// collection is a folder in the form of BEIR and what is asked in it. Its name
// begins with its language: fr-piaf.
type collection struct {
	name    string
	lang    string
	dir     string // "" for the library that ships
	queries string // folder of the queries, when they are another collection's
}

// collections are those of the folder -eval.
func (r *ragBench) collections() ([]collection, error) {
	if r.eval == "" {
		return []collection{{name: "village", lang: "fr"}}, nil
	}
	names, err := filepath.Glob(filepath.Join(r.eval, "*", "qrels.tsv"))
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%s: no folder in it has a qrels.tsv", r.eval)
	}
	var all []collection
	for _, name := range names {
		dir := filepath.Dir(name)
		lang, _, _ := strings.Cut(filepath.Base(dir), "-")
		all = append(all, collection{name: filepath.Base(dir), lang: lang, dir: dir})
	}
	return all, nil
}

// crossings pair collections that say the same in two languages: the questions
// of one are put to the documents of the other.
func crossings(all []collection) (pairs []collection) {
	for _, a := range all {
		for _, b := range all {
			_, of, _ := strings.Cut(a.name, "-")
			_, and, _ := strings.Cut(b.name, "-")
			if a.lang != b.lang && of == and {
				pairs = append(pairs, collection{name: b.lang + "-" + a.name, lang: a.lang, dir: a.dir, queries: b.dir})
			}
		}
	}
	return pairs
}

// Files of a prepared collection besides those of BEIR.
const plainQueries = "noaccent.queries.jsonl" // the same, typed without accents

// folder is the collection with the questions of this run: the sample, and the
// same without accents.
func (r *ragBench) folder(ctx context.Context, c collection) (string, error) {
	return r.prepare("collection "+c.name, func(dir string) error {
		all, err := r.read(ctx, c)
		if err != nil {
			return err
		}
		sample := all.Sample(r.sample, 1)
		if len(sample) == 0 {
			return errors.New("no question has a judgement")
		}
		plain := slices.Clone(sample)
		for i := range plain {
			plain[i].Text = withoutAccents(plain[i].Text)
		}
		return errors.Join(
			writeLines(filepath.Join(dir, "corpus.jsonl"), all.Documents),
			writeLines(filepath.Join(dir, "queries.jsonl"), sample),
			writeLines(filepath.Join(dir, plainQueries), plain),
			writeGrades(filepath.Join(dir, "qrels.tsv"), all.Grades))
	})
}

func (r *ragBench) read(ctx context.Context, c collection) (rag.Collection, error) {
	switch {
	case c.dir == "":
		return shippedLibrary(ctx)
	case c.queries == "":
		return rag.ReadCollection(c.dir, "")
	}
	return rag.ReadCollection(c.dir, filepath.Join(c.queries, "queries.jsonl"))
}

// shippedLibrary is the library that ships and the questions that its tests ask of it.
// A PDF is left out: reading one takes a process of its own.
func shippedLibrary(ctx context.Context) (c rag.Collection, err error) {
	const questions = "rag/testdata/village-questions.jsonl"
	f, err := os.Open(questions)
	if err != nil {
		return c, err
	}
	defer f.Close()
	c.Grades = map[string]map[string]float64{}
	library := os.DirFS("deploy/library")
	read := map[string]bool{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var q struct{ Question, Doc string }
		if err := json.Unmarshal(lines.Bytes(), &q); err != nil {
			return c, fmt.Errorf("read %s: %w", questions, err)
		}
		if q.Doc == "" || strings.HasSuffix(q.Doc, ".pdf") {
			continue
		}
		id := fmt.Sprintf("q%d", len(c.Queries)+1)
		c.Queries = append(c.Queries, rag.CollectionText{ID: id, Text: q.Question})
		c.Grades[id] = map[string]float64{q.Doc: 1}
		if read[q.Doc] {
			continue
		}
		read[q.Doc] = true
		d, err := extract.File(ctx, library, q.Doc, extract.Options{})
		if err != nil {
			return c, err
		}
		text := rag.CollectionText{ID: q.Doc, Title: d.Title}
		for _, b := range d.Blocks {
			text.Text += b.Text + "\n"
		}
		c.Documents = append(c.Documents, text)
	}
	return c, nil
}

// withoutAccents is a question as people type it in a hurry.
func withoutAccents(s string) string {
	s = strings.NewReplacer("œ", "oe", "Œ", "Oe", "æ", "ae", "Æ", "Ae").Replace(s)
	s, _, _ = transform.String(transform.Chain(norm.NFD, runes.Remove(runes.In(unicode.Mn)), norm.NFC), s)
	return s
}

func writeLines(name string, texts []rag.CollectionText) error {
	var b strings.Builder
	for _, t := range texts {
		line, err := json.Marshal(t)
		if err != nil {
			return err
		}
		b.Write(append(line, '\n'))
	}
	return os.WriteFile(name, []byte(b.String()), 0o644)
}

func writeGrades(name string, grades map[string]map[string]float64) error {
	var b strings.Builder
	b.WriteString("query-id\tcorpus-id\tscore\n")
	for query, docs := range grades {
		for doc, grade := range docs {
			fmt.Fprintf(&b, "%s\t%s\t%g\n", query, doc, grade)
		}
	}
	return os.WriteFile(name, []byte(b.String()), 0o644)
}
