package rag

import "context"

// EvalOptions of Eval. The zero value is lexical search over all queries.
type EvalOptions struct {
	Mode     Mode     // "" is the best there is: hybrid with an Embedder
	Sample   int      // queries taken at random; 0: all
	Seed     uint64   // of the sample
	Embedder Embedder // for dense and hybrid
	Queries  string   // file of queries; empty: queries.jsonl of the folder
}

// Scores of a search over a folder of questions with known answers, averaged over queries.
type Scores struct {
	NDCG10  float64 `json:"ndcg@10"`
	Recall5 float64 `json:"recall@5"`
	MRR10   float64 `json:"mrr@10"`
	P50     float64 `json:"p50_ms"` // of one search, the question's embedding included
	P95     float64 `json:"p95_ms"`
	Queries int     `json:"queries"`
	Mode    Mode    `json:"mode"`
}

// Eval scores a BEIR-style folder.
func Eval(ctx context.Context, dir string, o EvalOptions) (Scores, error) { return Scores{}, nil }
