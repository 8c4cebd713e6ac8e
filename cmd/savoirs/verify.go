package main

import (
	"context"
	"errors"

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
			return errors.Join(err, s.nameDamaged(cmd.Context(), err))
		}
		if s.json {
			return s.object(v)
		}
		s.verified(v)
		return nil
	})
	c.Flags().BoolVar(&repair, "repair", false, s.say("flag.repair"))
	return s.completeRefs(c, isHere)
}

// nameDamaged writes which items are damaged, when that is what err says.
func (s *shell) nameDamaged(ctx context.Context, err error) error {
	if classify(err).Code != string(node.Damaged) || s.json {
		return nil
	}
	items, err := s.client().List(ctx)
	for _, it := range items {
		if it.Bad > 0 {
			s.line("say.verify.bad", "title", it.Title, "ref", it.Ref, "n", it.Bad)
		}
	}
	return err
}

func (s *shell) verified(v node.Verification) {
	s.line("say.verify.done", "n", v.Items, "size", s.words.Bytes(v.Bytes))
	if v.Repaired > 0 {
		s.line("say.verify.repaired", "n", v.Repaired)
	}
}
