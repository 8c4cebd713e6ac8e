package main

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"savoirs/node"
)

func modelCmd(s *shell) *cobra.Command {
	c := s.command("model", nil, nil)
	c.AddCommand(modelListCmd(s), modelImportCmd(s), modelUseCmd(s))
	return c
}

func modelListCmd(s *shell) *cobra.Command {
	return s.command("model.list", between(0, 0), func(cmd *cobra.Command, _ []string) error {
		models, err := s.client().Models(cmd.Context())
		if err != nil {
			return err
		}
		if s.json {
			return s.object(models)
		}
		if len(models) == 0 {
			s.tell("say.model.none")
			return nil
		}
		rows := [][]string{{"", s.say("say.col.name"), s.say("say.col.use"), s.say("say.col.size"), s.say("say.col.family"), s.say("say.col.ref")}}
		for _, m := range models {
			mark := ""
			if m.Current {
				mark = "*"
			}
			rows = append(rows, []string{mark, m.Name, s.use(m), s.words.Bytes(m.Size), orElse(m.Family, "-"), orElse(m.Ref, "-")})
		}
		if err := s.table(rows); err != nil {
			return err
		}
		s.tell("say.model.legend")
		return nil
	})
}

// use says what a model is good for.
func (s *shell) use(m node.Model) string {
	switch {
	case m.Chats:
		return s.say("say.model.answers")
	case m.Embeds:
		return s.say("say.model.search")
	}
	return "-"
}

func modelImportCmd(s *shell) *cobra.Command {
	var o node.ImportOptions
	c := s.command("model.import", between(1, 1), func(cmd *cobra.Command, args []string) error {
		path, err := filepath.Abs(args[0])
		if err != nil {
			return err
		}
		p := s.progress()
		m, err := s.client().ImportModel(cmd.Context(), path, o, p.show)
		p.end()
		if err != nil {
			return err
		}
		if s.json {
			return s.object(m)
		}
		s.line("say.model.imported", "name", m.Name, "size", s.words.Bytes(m.Size))
		if !m.Current {
			s.tell("say.model.use_next", "name", m.Name)
		}
		return nil
	})
	f := c.Flags()
	f.StringVar(&o.Title, "title", "", s.say("flag.title"))
	f.StringVar(&o.Template, "template", "", s.say("flag.template"))
	f.StringVar(&o.Licence, "licence", "", s.say("flag.licence"))
	f.BoolVar(&o.InPlace, "in-place", false, s.say("flag.in-place"))
	return c
}

func modelUseCmd(s *shell) *cobra.Command {
	return s.command("model.use", between(1, 1), func(cmd *cobra.Command, args []string) error {
		p := s.progress()
		m, err := s.client().UseModel(cmd.Context(), args[0], p.show)
		p.end()
		if err != nil {
			return err
		}
		if s.json {
			return s.object(m)
		}
		key := "say.model.now_answers"
		if m.Embeds && !m.Chats {
			key = "say.model.now_searches"
		}
		s.line(key, "name", m.Name)
		return nil
	})
}
