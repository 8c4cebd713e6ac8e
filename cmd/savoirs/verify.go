package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"savoirs/node"
	"savoirs/node/api"
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
			err = s.object(v)
		} else {
			s.verified(v)
		}
		if len(v.Damage)+len(v.Archives) > 0 {
			return &api.Error{Code: string(node.Damaged), Message: "some content is damaged"}
		}
		return err
	})
	c.Flags().BoolVar(&repair, "repair", false, s.say("flag.repair"))
	return s.completeRefs(c, isHere)
}

// verified says what was read and, item by item, what is damaged and where.
func (s *shell) verified(v node.Verification) {
	if len(v.Damage) == 0 {
		s.line("say.verify.done", "n", v.Items, "size", s.words.Bytes(v.Bytes))
	}
	if v.Repaired > 0 {
		s.line("say.verify.repaired", "n", v.Repaired)
	}
	for rest := v.Damage; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].Ref == rest[0].Ref {
			n++
		}
		s.line("say.verify.bad", "title", rest[0].Title, "ref", rest[0].Ref, "n", n)
		for _, d := range rest[:n] {
			fmt.Fprintf(s.out, "  %s  %d–%d\n", clean(d.Path), d.Offset, d.Offset+d.Length)
		}
		rest = rest[n:]
	}
	for _, a := range v.Archives {
		s.line("say.verify.archive", "path", a.Path, "title", a.Title)
	}
}
