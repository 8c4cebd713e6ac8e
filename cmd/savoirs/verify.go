package main

import (
	"github.com/spf13/cobra"

	"savoirs/node"
)

func verifyCmd(s *shell) *cobra.Command {
	var repair bool
	c := s.command("verify", between(0, 1), func(cmd *cobra.Command, args []string) error {
		ref := ""
		if len(args) == 1 {
			ref = args[0]
		}
		p := s.progress()
		v, err := s.client().Verify(cmd.Context(), ref, repair, p.show)
		p.end()
		if err != nil {
			return err
		}
		if s.json {
			return s.object(v)
		}
		s.verified(v)
		return nil
	})
	c.Flags().BoolVar(&repair, "repair", false, s.say("flag.repair"))
	return c
}

func (s *shell) verified(v node.Verification) {
	s.line("say.verify.done", "n", v.Items, "size", s.words.Bytes(v.Bytes))
	if v.Repaired > 0 {
		s.line("say.verify.repaired", "n", v.Repaired)
	}
}
