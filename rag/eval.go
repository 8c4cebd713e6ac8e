package rag

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"time"

	"savoirs/rag/extract"
)

// EvalOptions of Eval. The zero value is lexical search over all queries.
type EvalOptions struct {
	Mode     Mode     // "" is the best there is: hybrid with an Embedder
	Sample   int      // queries taken at random; 0: all
	Seed     uint64   // of the sample
	Embedder Embedder // for dense and hybrid
	Queries  string   // file of queries, by path or by its name in the folder; "": queries.jsonl

	Progress func(done, total int) // of embedding, then of queries; may be nil
}

// Scores of a search over questions with known answers, averaged over the questions.
type Scores struct {
	NDCG10  float64 `json:"ndcg@10"` // gain is the grade, discount log2(rank+1), as trec_eval
	Recall5 float64 `json:"recall@5"`
	MRR10   float64 `json:"mrr@10"`
	P50     float64 `json:"p50_ms"` // of one search, the embedding of the question included
	P95     float64 `json:"p95_ms"`
	Empty   float64 `json:"empty"`   // share of questions for which nothing was found
	Index   float64 `json:"index_s"` // to make the index, without vectors
	Queries int     `json:"queries"`
	Mode    Mode    `json:"mode"`
}

// evalPassages is how many passages are asked for, so that ten documents are among them.
const evalPassages = 40

// Eval scores the BEIR-style folder dir (corpus.jsonl, queries.jsonl, qrels.tsv): its documents are
// added to an index in a temporary folder, which is removed, and its queries are put to Search. A
// document ranks where its best passage does. Queries without a judgement are left out.
func Eval(ctx context.Context, dir string, o EvalOptions) (s Scores, err error) {
	set, err := ReadCollection(dir, o.Queries)
	if err != nil {
		return Scores{}, fmt.Errorf("eval %s: %w", dir, err)
	}
	tmp, err := os.MkdirTemp("", "savoirs-eval-")
	if err != nil {
		return Scores{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	x, err := Open(Options{Dir: tmp})
	if err != nil {
		return Scores{}, err
	}
	defer func() { err = errors.Join(err, x.Close()) }()
	start := time.Now()
	if _, err := x.add(ctx, "corpus", marker{}, set.documents); err != nil {
		return Scores{}, err
	}
	index := time.Since(start)
	if o.Embedder != nil && o.Mode != ModeLexical {
		if err := x.EmbedMissing(ctx, o.Embedder, nil, o.Progress); err != nil {
			return Scores{}, err
		}
	}
	s, err = evalQueries(ctx, x, set, o)
	s.Index = index.Seconds()
	return s, err
}

func evalQueries(ctx context.Context, x *Index, set Collection, o EvalOptions) (Scores, error) {
	queries := set.Sample(o.Sample, o.Seed)
	if len(queries) == 0 {
		return Scores{}, errors.New("eval: no query has a judgement")
	}
	var mode Mode
	rankings := make([]Ranking, len(queries))
	for i, q := range queries {
		start := time.Now()
		r, err := Search(ctx, Query{Text: q.Text, Mode: o.Mode, Limit: evalPassages}, o.Embedder, x)
		if err != nil {
			return Scores{}, fmt.Errorf("eval query %s: %w", q.ID, err)
		}
		rankings[i] = Ranking{Query: q.ID, Took: time.Since(start), Docs: documentsFound(r.Hits)}
		mode = r.Mode
		if o.Progress != nil {
			o.Progress(i+1, len(queries))
		}
	}
	s := set.Score(rankings)
	s.Mode = mode
	return s, nil
}

// A Ranking is what some search found for a query.
type Ranking struct {
	Query string   // its id
	Docs  []string // ids of documents, best first
	Took  time.Duration
}

// Score averages the scores of rankings, of which there is at least one. Mode and Index are left to the caller.
func (c Collection) Score(rankings []Ranking) Scores {
	s := Scores{Queries: len(rankings)}
	took := make([]float64, 0, len(rankings))
	for _, r := range rankings {
		took = append(took, r.Took.Seconds()*1000)
		s.count(c.Grades[r.Query], r.Docs)
	}
	n := float64(len(rankings))
	s.NDCG10, s.Recall5, s.MRR10, s.Empty = s.NDCG10/n, s.Recall5/n, s.MRR10/n, s.Empty/n
	slices.Sort(took)
	s.P50, s.P95 = took[len(took)/2], took[len(took)*95/100]
	return s
}

// documentsFound ranks documents by their best passage.
func documentsFound(hits []Hit) []string {
	var docs []string
	for _, h := range hits {
		if !slices.Contains(docs, h.Doc) {
			docs = append(docs, h.Doc)
		}
	}
	return docs
}

// count adds the scores of one ranking.
func (s *Scores) count(grades map[string]float64, docs []string) {
	if len(docs) == 0 {
		s.Empty++
	}
	var gain, best float64
	relevant, found := 0, 0
	ideal := make([]float64, 0, len(grades))
	for _, g := range grades {
		if g > 0 {
			ideal = append(ideal, g)
			relevant++
		}
	}
	slices.SortFunc(ideal, func(a, b float64) int { return int(math.Copysign(1, b-a)) })
	for i, g := range ideal[:min(10, len(ideal))] {
		best += g / math.Log2(float64(i)+2)
	}
	first := 0
	for i, d := range docs[:min(10, len(docs))] {
		g := grades[d]
		if g <= 0 {
			continue
		}
		gain += g / math.Log2(float64(i)+2)
		if first == 0 {
			first = i + 1
		}
		if i < 5 {
			found++
		}
	}
	s.NDCG10 += gain / best
	s.Recall5 += float64(found) / float64(relevant)
	if first > 0 {
		s.MRR10 += 1 / float64(first)
	}
}

// documents yields the corpus as documents of one paragraph, named by their ids.
func (c Collection) documents(yield func(source) bool) {
	for _, d := range c.Documents {
		doc := extract.Document{Title: extract.Clean(d.Title), Format: "jsonl",
			Blocks: []extract.Block{{Role: extract.Paragraph, Text: extract.Clean(d.Text)}}}
		if !yield(source{path: d.ID, doc: doc}) {
			return
		}
	}
}
