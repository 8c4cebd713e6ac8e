package main

import (
	"strings"

	"github.com/spf13/cobra"

	"savoirs/node"
)

func pledgeCmd(s *shell) *cobra.Command {
	var whom []string
	c := s.command("pledge", between(0, 1), func(cmd *cobra.Command, args []string) error {
		p, err := s.pledge(cmd, args, whom)
		if err != nil {
			return err
		}
		if s.json {
			return s.object(p)
		}
		s.pledged(p)
		return nil
	})
	c.Flags().StringSliceVar(&whom, "for", nil, s.say("flag.for"))
	return c
}

// pledge sets the pledge when a size is given, and returns it.
func (s *shell) pledge(cmd *cobra.Command, args, whom []string) (node.Pledge, error) {
	if len(args) == 0 {
		if len(whom) > 0 {
			return node.Pledge{}, usageError("missing_argument", "usage", cmd.UseLine(), "help", cmd.CommandPath()+" --help")
		}
		return s.client().Pledge(cmd.Context())
	}
	var bytes size
	if err := bytes.Set(args[0]); err != nil {
		return node.Pledge{}, usageError("bad_size", "value", args[0])
	}
	return s.client().SetPledge(cmd.Context(), int64(bytes), whom)
}

func (s *shell) pledged(p node.Pledge) {
	switch {
	case p.Bytes == 0:
		s.line("say.pledge.none")
	case len(p.Peers) > 0:
		var ids []string
		for _, id := range p.Peers {
			ids = append(ids, id.String())
		}
		s.line("say.pledge.peers", "size", s.words.Bytes(p.Bytes), "peers", strings.Join(ids, ", "))
	default:
		s.line("say.pledge."+string(p.For), "size", s.words.Bytes(p.Bytes))
	}
	if p.Bytes > 0 || p.Used > 0 {
		s.line("say.pledge.used", "n", p.Items, "size", s.words.Bytes(p.Used))
	}
}
