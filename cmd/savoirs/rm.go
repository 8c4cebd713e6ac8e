package main

import (
	"github.com/spf13/cobra"

	"savoirs/node"
)

func rmCmd(s *shell) *cobra.Command {
	var yes bool
	c := s.command("rm", between(1, 1), func(cmd *cobra.Command, args []string) error {
		ctx, client := cmd.Context(), s.client()
		d, err := client.Show(ctx, args[0])
		if err != nil {
			return err
		}
		if !yes {
			s.tell("say.rm.what", "title", d.Title, "n", d.Files, "size", s.words.Bytes(d.Size))
			switch {
			case d.Mine:
				s.tell("say.rm.mine")
			case d.Scope != node.ScopePrivate && d.Copies == 1:
				s.tell("say.rm.last")
			case d.InPlace:
				s.tell("say.rm.in_place")
			}
			if err := s.confirm(ctx, s.say("say.rm.ask")); err != nil {
				return err
			}
		}
		item, err := client.Remove(ctx, d.Root)
		if err != nil {
			return err
		}
		if s.json {
			return s.object(item)
		}
		s.line("say.rm.done", "title", item.Title)
		return nil
	})
	c.Flags().BoolVar(&yes, "yes", false, s.say("flag.yes"))
	return s.completeRefs(c, isHere)
}
