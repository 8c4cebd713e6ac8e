package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"

	"savoirs/rag"
	"savoirs/rag/engine"
)

// ragBench is one run of `bench rag`: where it works, what it asks and who
// makes vectors. Rows are functions of it: func someRow(r *ragBench) row.
type ragBench struct {
	*bench               // dir to work in, prepare; it has no program built
	eval   string        // folder of collections in the form of BEIR, "" for the small one that ships
	sample int           // questions of each collection, 0 for all
	python string        // that runs the peers
	vector *memoEmbedder // nil without an engine; keeps the vectors of this run
	bare   *bareEngine   // the same engine without us between; nil without one
}

// ragRows are what `bench rag` measures, in the order of the report.
func ragRows(r *ragBench) ([]row, error) {
	all, err := r.collections()
	if err != nil {
		return nil, err
	}
	var rows []row
	for _, c := range all {
		rows = append(rows, wordsRow(r, c))
	}
	for _, c := range all {
		rows = append(rows, bothRow(r, c))
	}
	rows = append(rows, federationRow(r, all))
	for _, c := range crossings(all) {
		rows = append(rows, crossRow(r, c))
	}
	rows = append(rows, vectorsRow(10_000), vectorsRow(100_000), packsRow(r), embeddingRow(r), yieldRow(r))
	return rows, nil
}

// benchRAG measures finding passages: how good and how fast, beside the search
// engines that people use instead, all in one run.
func benchRAG(ctx context.Context, args []string) (err error) {
	fs := flag.NewFlagSet("bench rag", flag.ContinueOnError)
	var c choice
	c.flags(fs)
	r := &ragBench{bench: &bench{prepared: map[string]string{}}}
	fs.StringVar(&r.eval, "eval", "", "`folder` of collections in the form of BEIR; the library that ships, when empty")
	fs.IntVar(&r.sample, "sample", 0, "questions of each collection, at random; 0 for all")
	fs.StringVar(&r.python, "python", filepath.Join("build", "tools", "rag-peers", "bin", "python"), "the Python of the peers (deploy/bench/rag-peers.sh makes it)")
	host := fs.String("ollama-host", "none", "`address` of an Ollama that makes vectors; none: the program of -engine, if it is there")
	program := fs.String("engine", filepath.Join("build", "savoirs"), "our program with the engine built in")
	models := fs.String("models", filepath.Join("build", "models"), "`folder` of GGUF files for it")
	if err := fs.Parse(args); err != nil {
		return err
	}
	all, err := ragRows(r)
	if err != nil {
		return err
	}
	rows, err := choose(all, c.only)
	if err != nil {
		return err
	}
	if c.list {
		for _, row := range rows {
			printAsked(os.Stdout, row)
		}
		return nil
	}
	if r.dir, err = workFolder(c.dir); err != nil {
		return err
	}
	defer os.RemoveAll(r.dir)
	close, err := r.openEngine(ctx, *host, *program, *models)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, close()) }()
	facts := fmt.Sprintf("%s; vectors by %s\nmedians, the programs take turns; savoirs built now with %s", machine(), r.vector.name(), runtime.Version())
	return r.measureAll(ctx, rows, c, report{Machine: facts})
}

// openEngine finds who makes vectors: the Ollama at host, else our program with
// the smallest model of a folder. With neither, r.vector stays nil.
func (r *ragBench) openEngine(ctx context.Context, host, program, models string) (close func() error, err error) {
	o := engine.Options{Host: host, Dir: filepath.Join(r.dir, "engine"), Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))}
	if _, err := os.Stat(program); err == nil {
		if program, err = filepath.Abs(program); err != nil {
			return nil, err
		}
		o.Command = []string{program, "engine"}
	}
	e, err := engine.Open(ctx, o)
	if err != nil {
		return nil, err
	}
	var embedder rag.Embedder
	if e.Kind() == engine.KindOllama {
		embedder, _, err = e.Embedder(ctx, "")
	} else {
		embedder, err = e.InstallEmbedder(ctx, os.DirFS(models), nil)
	}
	switch {
	case errors.Is(err, engine.ErrNoModel):
		return e.Close, nil
	case err != nil:
		return nil, errors.Join(err, e.Close())
	}
	r.vector = &memoEmbedder{of: embedder, known: map[memoKey][]float32{}}
	if r.bare, err = openBare(ctx, e.Kind(), o); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e.Close, nil
}
