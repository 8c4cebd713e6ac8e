package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"savoirs/node"
	"savoirs/rag"
)

func askCmd(s *shell) *cobra.Command {
	var q node.Question
	var events, forget bool
	c := s.command("ask", between(0, 1000), func(cmd *cobra.Command, args []string) (err error) {
		if forget && len(args) == 0 {
			return s.forgetAnswers(cmd.Context())
		}
		if err := between(1, 1000)(cmd, args); err != nil {
			return err
		}
		s.subject = strings.Join(q.In, ", ")
		if q.Text, err = s.question(args); err != nil {
			return err
		}
		if q.Lang == "" {
			q.Lang = s.chosenLang()
		}
		v := &answerView{shell: s}
		emit := v.event
		switch {
		case events:
			emit = func(e rag.Event) error { return s.object(e) }
		case s.json:
			emit = func(rag.Event) error { return nil }
		}
		answer, err := s.client().Ask(cmd.Context(), q, emit)
		switch {
		case err != nil:
			v.end()
			return err
		case events:
			return nil
		case s.json:
			return s.object(answer)
		}
		v.finish(answer)
		return nil
	})
	f := c.Flags()
	f.StringSliceVar(&q.In, "in", nil, s.say("flag.in"))
	f.BoolVar(&q.Mesh, "mesh", false, s.say("flag.mesh"))
	f.BoolVar(&q.Private, "private", false, s.say("flag.private"))
	f.StringVar(&q.Lang, "answer-lang", "", s.say("flag.answer-lang"))
	f.IntVar(&q.Limit, "sources", 0, s.say("flag.sources"))
	f.BoolVar(&q.NoModel, "no-model", false, s.say("flag.no-model"))
	f.BoolVar(&q.Alone, "alone", false, s.say("flag.alone"))
	f.BoolVar(&q.Fresh, "fresh", false, s.say("flag.fresh"))
	f.BoolVar(&forget, "forget", false, s.say("flag.forget"))
	f.BoolVar(&events, "ndjson", false, s.say("flag.ndjson"))
	return c
}

// forgetAnswers empties what the node keeps of answers.
func (s *shell) forgetAnswers(ctx context.Context) error {
	if err := s.client().ForgetAnswers(ctx); err != nil {
		return err
	}
	if s.json {
		return s.object(struct {
			Forgotten bool `json:"forgotten"`
		}{true})
	}
	s.line("say.ask.forgotten")
	return nil
}

// chosenLang is the language of this command line, if it says one. That of the
// configuration is what the people here mostly speak: a question in another
// language is still answered in its own.
func (s *shell) chosenLang() string {
	if !s.set.flags.Lookup("lang").Changed {
		return ""
	}
	return s.set.Lang
}

// maxStdin bounds a question read from a pipe: more than any node accepts, so
// that the node itself says it is too long.
const maxStdin = 1 << 20

// question is the words of the command line, or of standard input for "-".
func (s *shell) question(args []string) (string, error) {
	if len(args) != 1 || args[0] != "-" {
		return strings.Join(args, " "), nil
	}
	b, err := io.ReadAll(io.LimitReader(s.in, maxStdin))
	if err != nil {
		return "", fmt.Errorf("read the question from standard input: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}
