package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"savoirs/node"
	"savoirs/rag"
	"savoirs/rag/engine"
)

func evalCmd(s *shell) *cobra.Command {
	var o rag.EvalOptions
	var mode, models string
	c := s.command("eval", between(1, 1), func(c *cobra.Command, args []string) error {
		o.Mode = rag.Mode(mode)
		if _, err := os.Stat(o.Queries); err == nil { // else a name in the folder
			if o.Queries, err = filepath.Abs(o.Queries); err != nil {
				return err
			}
		}
		return s.withEmbedder(c.Context(), o.Mode, models, func(ctx context.Context, e rag.Embedder) error {
			o.Embedder = e
			p := s.progress()
			o.Progress = evalProgress(p, e != nil)
			scores, err := rag.Eval(ctx, args[0], o)
			p.end()
			if err != nil {
				return err
			}
			return s.scores(scores)
		})
	})
	f := c.Flags()
	f.StringVar(&mode, "mode", "lexical", s.say("flag.mode"))
	f.IntVar(&o.Sample, "sample", 0, s.say("flag.sample"))
	f.StringVar(&o.Queries, "queries", "", s.say("flag.queries"))
	f.StringVar(&models, "models", "", s.say("flag.models"))
	f.AddFlag(s.set.flags.Lookup("ollama-host"))
	f.AddFlag(s.set.flags.Lookup("embed"))
	return c
}

// evalProgress shows the two stages that Eval reports one after the other:
// passages embedded, where there is a model, then questions asked.
func evalProgress(p *progress, embeds bool) func(done, total int) {
	stage, before := "eval", 0
	if embeds {
		stage = "embed"
	}
	return func(done, total int) {
		if done < before {
			stage = "eval"
		}
		before = done
		p.show(node.Progress{Stage: stage, Done: int64(done), Total: int64(total)})
	}
}

func (s *shell) scores(v rag.Scores) error {
	if s.json {
		return s.object(struct {
			NDCG10  float64 `json:"ndcg@10"`
			Recall5 float64 `json:"recall@5"`
			MRR10   float64 `json:"mrr@10"`
			P50     float64 `json:"p50_ms"`
			P95     float64 `json:"p95_ms"`
		}{v.NDCG10, v.Recall5, v.MRR10, v.P50, v.P95})
	}
	return s.table([][]string{
		{s.say("say.eval.questions"), s.words.Count(int64(v.Queries))},
		{s.say("say.eval.mode"), string(v.Mode)},
		{"nDCG@10", s.words.Decimal(v.NDCG10, 4)},
		{s.say("say.eval.recall"), s.words.Decimal(v.Recall5, 4)},
		{"MRR@10", s.words.Decimal(v.MRR10, 4)},
		{"p50", s.words.Decimal(v.P50, 2) + " ms"},
		{"p95", s.words.Decimal(v.P95, 2) + " ms"},
	})
}

// withEmbedder calls use with an embedding model where mode needs one: that of
// an Ollama, else that of the node of these settings, else one found in the
// folder models. Its engine lives in a temporary folder and is gone afterwards.
func (s *shell) withEmbedder(ctx context.Context, mode rag.Mode, models string, use func(context.Context, rag.Embedder) error) (err error) {
	if mode == rag.ModeLexical {
		return use(ctx, nil)
	}
	dir, err := os.MkdirTemp("", "savoirs-eval-")
	if err != nil {
		return fmt.Errorf("make a temporary folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	store := filepath.Join(s.set.Data, "engine", "models")
	if _, err := os.Stat(store); err == nil && models == "" {
		if err := os.Symlink(store, filepath.Join(dir, "models")); err != nil {
			return fmt.Errorf("use the models of the node: %w", err)
		}
	}
	host, command := s.engine(executable())
	e, err := engine.Open(ctx, engine.Options{Host: host, Command: command, Dir: dir, Embed: s.set.Embed, Log: s.logger(slog.LevelWarn)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(e.Close(), err) }()
	embedder, _, err := e.Embedder(ctx, "")
	if errors.Is(err, engine.ErrNoModel) && models != "" {
		embedder, err = e.InstallEmbedder(ctx, os.DirFS(models), func(name string) {
			s.tell("say.eval.reading", "path", filepath.Join(models, name))
		})
	}
	if err != nil {
		return err
	}
	return use(ctx, embedder)
}
