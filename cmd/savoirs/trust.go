package main

import (
	"github.com/spf13/cobra"
)

func trustCmd(s *shell) *cobra.Command {
	c := s.command("trust", between(1, 1), func(cmd *cobra.Command, args []string) error {
		who, err := s.client().Trust(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		if s.json {
			return s.object(who)
		}
		s.line("say.trust.done", "who", nameOf(who))
		return nil
	})
	c.AddCommand(s.command("trust.list", between(0, 0), func(cmd *cobra.Command, _ []string) error {
		all, err := s.client().Trusted(cmd.Context())
		if err != nil {
			return err
		}
		if s.json {
			return s.object(all)
		}
		if len(all) == 0 {
			s.tell("say.trust.nobody")
			return nil
		}
		rows := [][]string{{s.say("say.col.name"), s.say("say.col.territory"), s.say("say.col.id")}}
		for _, who := range all {
			rows = append(rows, []string{orElse(who.Name, "-"), orElse(who.Territory, "-"), who.ID})
		}
		return s.table(rows)
	}))
	return c
}

func untrustCmd(s *shell) *cobra.Command {
	return s.command("untrust", between(1, 1), func(cmd *cobra.Command, args []string) error {
		who, err := s.client().Untrust(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		if s.json {
			return s.object(who)
		}
		s.line("say.trust.undone", "who", nameOf(who))
		return nil
	})
}
