package main

import (
	"github.com/spf13/cobra"

	"savoirs/node"
)

func pinCmd(s *shell) *cobra.Command {
	var copies int
	c := s.command("pin", between(1, 1), func(cmd *cobra.Command, args []string) error {
		if cmd.Flags().Changed("copies") && copies < 1 {
			return newFault(string(node.BadCopies), exitUsage)
		}
		item, err := s.client().Pin(cmd.Context(), args[0], copies)
		if err != nil {
			return err
		}
		if s.json {
			return s.object(item)
		}
		s.line("say.pin.done", "title", item.Title)
		if item.Scope != node.ScopePrivate {
			s.line("say.pin.copies", "copies", s.copies(item))
		}
		return nil
	})
	c.Flags().IntVar(&copies, "copies", 0, s.say("flag.copies"))
	return s.completeRefs(c, isHere)
}

func unpinCmd(s *shell) *cobra.Command {
	return s.completeRefs(s.command("unpin", between(1, 1), func(cmd *cobra.Command, args []string) error {
		item, err := s.client().Unpin(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		if s.json {
			return s.object(item)
		}
		s.line("say.pin.undone", "title", item.Title)
		return nil
	}), func(it node.Item) bool { return it.Pinned })
}

// copies says how many copies of a published item are known, and where.
func (s *shell) copies(it node.Item) string {
	text := s.say("say.copies.none")
	if it.Copies > 0 {
		text = s.say("say.copies.count", "n", it.Copies)
	}
	if it.Territories > 0 {
		text = s.say("say.copies.in", "copies", text, "n", it.Territories)
	}
	if it.Target > 0 {
		text = s.say("say.copies.wanted", "copies", text, "n", it.Target)
	}
	if it.Uncertain {
		text = s.say("say.copies.uncertain", "copies", text)
	}
	return text
}
