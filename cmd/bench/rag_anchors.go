package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/blevesearch/bleve/v2"
	_ "github.com/blevesearch/bleve/v2/analysis/lang/en"
	_ "github.com/blevesearch/bleve/v2/analysis/lang/es"
	_ "github.com/blevesearch/bleve/v2/analysis/lang/fr"

	"savoirs/rag"
)

// peersScript runs the search engines that have a Python module.
//
//go:embed rag_peers.py
var peersScript []byte

// notInstalled is how the script says that an engine is not here.
const notInstalled = 3

// peer is a search engine that the script runs.
func (r *ragBench) peer(engine, lang string) searcher {
	return func(ctx context.Context, dir, folder, queries string) ([]rag.Ranking, time.Duration, error) {
		dir, err := os.MkdirTemp(dir, "index-")
		if err != nil {
			return nil, 0, err
		}
		script := filepath.Join(dir, "peers.py")
		if err := os.WriteFile(script, peersScript, 0o600); err != nil {
			return nil, 0, err
		}
		python, err := r.pythonPath()
		if err != nil {
			return nil, 0, err
		}
		cmd := exec.CommandContext(ctx, python, script, engine, lang, filepath.Join(folder, "corpus.jsonl"), queries)
		var said tail
		cmd.Dir, cmd.Stderr = dir, &said
		out, err := cmd.Output()
		var exit *exec.ExitError
		switch {
		case errors.As(err, &exit) && exit.ExitCode() == notInstalled:
			return nil, 0, absent(strings.TrimSpace(said.String()) + " (deploy/bench/rag-peers.sh installs it)")
		case err != nil:
			return nil, 0, fmt.Errorf("%w: %s", err, said.String())
		}
		return parsePeer(out)
	}
}

// pythonPath is -python, else that of the system, which may have some of them.
func (r *ragBench) pythonPath() (string, error) {
	if _, err := os.Stat(r.python); err == nil {
		return filepath.Abs(r.python)
	}
	path, err := exec.LookPath("python3")
	if err != nil {
		return "", absent("no python3 is here")
	}
	return path, nil
}

// parsePeer reads what the script prints.
func parsePeer(out []byte) (found []rag.Ranking, index time.Duration, err error) {
	for lines := json.NewDecoder(bytes.NewReader(out)); lines.More(); {
		var l struct {
			Index float64 `json:"index_s"`
			Query string
			Docs  []string
			MS    float64
		}
		if err := lines.Decode(&l); err != nil {
			return nil, 0, fmt.Errorf("read what the peer found: %w", err)
		}
		if l.Query == "" {
			index = time.Duration(l.Index * float64(time.Second))
			continue
		}
		found = append(found, rag.Ranking{Query: l.Query, Docs: l.Docs, Took: time.Duration(l.MS * float64(time.Millisecond))})
	}
	if len(found) == 0 {
		return nil, 0, errors.New("the peer found nothing at all")
	}
	return found, index, nil
}

// bleveSearch is the library that ours is built on, as its manual begins: the
// analyzer of the language, any word may match, its own scores.
func bleveSearch(lang string) searcher {
	return func(ctx context.Context, dir, folder, queries string) ([]rag.Ranking, time.Duration, error) {
		c, err := rag.ReadCollection(folder, queries)
		if err != nil {
			return nil, 0, err
		}
		if dir, err = os.MkdirTemp(dir, "bleve-"); err != nil {
			return nil, 0, err
		}
		start := time.Now()
		m := bleve.NewIndexMapping()
		m.DefaultAnalyzer = lang
		x, err := bleve.New(filepath.Join(dir, "index"), m)
		if err != nil {
			return nil, 0, err
		}
		defer x.Close()
		batch := x.NewBatch()
		for _, d := range c.Documents {
			if err := batch.Index(d.ID, map[string]string{"text": strings.TrimSpace(d.Title + "\n" + d.Text)}); err != nil {
				return nil, 0, err
			}
		}
		if err := x.Batch(batch); err != nil {
			return nil, 0, err
		}
		index := time.Since(start)
		var found []rag.Ranking
		for _, q := range c.Queries {
			start := time.Now()
			r, err := x.SearchInContext(ctx, bleve.NewSearchRequestOptions(bleve.NewMatchQuery(q.Text), 10, 0, false))
			if err != nil {
				return nil, 0, err
			}
			one := rag.Ranking{Query: q.ID, Took: time.Since(start)}
			for _, h := range r.Hits {
				one.Docs = append(one.Docs, h.ID)
			}
			found = append(found, one)
		}
		return found, index, nil
	}
}
