package main

import (
	"context"
	"path/filepath"
	"time"

	"savoirs/rag"
)

// Columns of quality. The loss is in points of nDCG@10, when the questions are
// typed without accents. Times are of one search, without the vector of its
// question, which the engine makes.
const (
	colNDCG   = "nDCG@10"
	colRecall = "recall@5"
	colLoss   = "accent loss"
	colEmpty  = "no result %"
	colP50    = "p50 ms"
	colP95    = "p95 ms"
	colIndex  = "index s"
)

// searcher ranks the documents of a collection for the questions in a file of
// its folder; dir is empty and for the index.
type searcher func(ctx context.Context, dir, folder, queries string) (found []rag.Ranking, index time.Duration, err error)

// wordsRow measures search by words.
func wordsRow(r *ragBench, c collection) row {
	w := row{
		name: "words-" + c.name, what: c.name + ", by words", limit: 10 * time.Minute,
		metrics: []string{colNDCG, colRecall, colLoss, colEmpty, colP50, colP95, colIndex},
		demands: []demand{{metric: colLoss, most: .5}, {metric: colEmpty, most: 1}},
	}
	w.contenders = func(*bench) []contender {
		return []contender{
			{ourName, r.ours(c, rag.ModeLexical)},
			{"bleve", r.quality(c, bleveSearch(c.lang))},
			{"tantivy", r.quality(c, r.peer("tantivy", c.lang))},
			{"xapian", r.quality(c, r.peer("xapian", c.lang))},
			{"sqlite-fts5", r.quality(c, r.peer("sqlite-fts5", c.lang))},
		}
	}
	switch c.name {
	case "fr-piaf":
		w.demands = append(w.demands, demand{metric: colNDCG, least: .835})
	case "fr-faq":
		w.demands = append(w.demands, demand{metric: colNDCG, least: .765})
	}
	least := .99 // of what they were made for
	if c.lang == "fr" {
		least = 1
	}
	for _, other := range []string{"bleve", "tantivy", "xapian", "sqlite-fts5"} {
		w.demands = append(w.demands, demand{metric: colNDCG, than: other, least: least})
	}
	return w
}

// bothRow measures search by words and meaning together.
func bothRow(r *ragBench, c collection) row {
	w := row{
		name: "both-" + c.name, what: c.name + ", by words and meaning", limit: time.Hour, runs: 1,
		metrics: []string{colNDCG, colRecall, colEmpty, colP50, colP95},
		demands: []demand{{metric: colEmpty, most: 1}, {metric: colNDCG, than: "words", least: 1}, {metric: colNDCG, than: "meaning", least: 1}},
	}
	w.contenders = func(*bench) []contender {
		return []contender{{ourName, r.ours(c, rag.ModeHybrid)}, {"words", r.ours(c, rag.ModeLexical)}, {"meaning", r.ours(c, rag.ModeDense)}}
	}
	switch c.name {
	case "fr-piaf":
		w.demands = append(w.demands, demand{metric: colNDCG, least: .89}, demand{metric: colRecall, least: .94})
	case "fr-faq":
		w.demands = append(w.demands, demand{metric: colNDCG, least: .845}, demand{metric: colRecall, least: .94})
	}
	return w
}

// crossRow asks in one language of documents in another.
func crossRow(r *ragBench, c collection) row {
	w := row{
		name: "cross-" + c.name, what: c.name + ", asked in the first language, answered in the second", limit: time.Hour, runs: 1,
		metrics: []string{colNDCG, colRecall, colEmpty, colP50, colP95},
		demands: []demand{{metric: colEmpty, most: 1}},
	}
	w.contenders = func(*bench) []contender {
		return []contender{{ourName, r.ours(c, rag.ModeHybrid)}, {"words", r.ours(c, rag.ModeLexical)}}
	}
	if c.name == "es-en-xquad" {
		w.demands = append(w.demands, demand{metric: colNDCG, least: .935})
	}
	return w
}

// ours is our search, through the same door as `savoirs eval`.
func (r *ragBench) ours(c collection, mode rag.Mode) func(context.Context, string) (sample, error) {
	return func(ctx context.Context, _ string) (sample, error) {
		folder, err := r.folder(ctx, c)
		if err != nil {
			return nil, err
		}
		o := rag.EvalOptions{Mode: mode}
		if mode != rag.ModeLexical {
			if r.vector == nil {
				return nil, absent("no engine is here")
			}
			if o.Embedder, err = r.vector.forQuestions(ctx, folder); err != nil {
				return nil, err
			}
		}
		s, err := rag.Eval(ctx, folder, o)
		if err != nil {
			return nil, err
		}
		m := measuredQuality(s)
		if mode != rag.ModeLexical {
			return m, nil
		}
		m[colIndex] = s.Index
		o.Queries = plainQueries
		plain, err := rag.Eval(ctx, folder, o)
		m[colLoss] = 100 * (s.NDCG10 - plain.NDCG10)
		return m, err
	}
}

// quality is the search of another program.
func (r *ragBench) quality(c collection, search searcher) func(context.Context, string) (sample, error) {
	return func(ctx context.Context, dir string) (sample, error) {
		folder, err := r.folder(ctx, c)
		if err != nil {
			return nil, err
		}
		all, err := rag.ReadCollection(folder, "")
		if err != nil {
			return nil, err
		}
		found, index, err := search(ctx, dir, folder, filepath.Join(folder, "queries.jsonl"))
		if err != nil {
			return nil, err
		}
		s := all.Score(found)
		plain, _, err := search(ctx, dir, folder, filepath.Join(folder, plainQueries))
		if err != nil {
			return nil, err
		}
		m := measuredQuality(s)
		m[colIndex] = index.Seconds()
		m[colLoss] = 100 * (s.NDCG10 - all.Score(plain).NDCG10)
		return m, nil
	}
}

func measuredQuality(s rag.Scores) sample {
	return sample{colNDCG: s.NDCG10, colRecall: s.Recall5, colEmpty: 100 * s.Empty, colP50: s.P50, colP95: s.P95}
}
