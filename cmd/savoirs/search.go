package main

import (
	"strings"

	"github.com/spf13/cobra"

	"savoirs/node"
	"savoirs/rag"
)

func searchCmd(s *shell) *cobra.Command {
	var q node.Question
	var mode string
	c := s.command("search", between(1, 1000), func(cmd *cobra.Command, args []string) (err error) {
		s.subject = strings.Join(q.In, ", ")
		if q.Text, err = s.question(args); err != nil {
			return err
		}
		q.Lang, q.Mode = s.chosenLang(), rag.Mode(mode)
		r, err := s.client().Search(cmd.Context(), q)
		if err != nil {
			return err
		}
		if s.json {
			return s.object(r)
		}
		s.results(r)
		return nil
	})
	f := c.Flags()
	f.StringSliceVar(&q.In, "in", nil, s.say("flag.in"))
	f.BoolVar(&q.Mesh, "mesh", false, s.say("flag.mesh"))
	f.BoolVar(&q.Private, "private", false, s.say("flag.private"))
	f.IntVarP(&q.Limit, "limit", "n", 0, s.say("flag.limit"))
	f.StringVar(&mode, "mode", "", s.say("flag.mode"))
	return c
}
