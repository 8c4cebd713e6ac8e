package main

import "github.com/spf13/cobra"

func pullCmd(s *shell) *cobra.Command {
	return s.completeRefs(s.command("pull", between(1, 1), func(cmd *cobra.Command, args []string) error {
		p := s.progress()
		item, err := s.client().Pull(cmd.Context(), args[0], p.show)
		p.end()
		if err != nil {
			return err
		}
		if s.json {
			return s.object(item)
		}
		key := "say.pull.done"
		if item.Existed {
			key = "say.pull.existed"
		}
		s.line(key, "title", item.Title, "ref", item.Ref, "n", item.Files, "size", s.words.Bytes(item.Size))
		s.skipped(item)
		if item.Kind == "model" || item.Kind == "adapter" {
			s.tell("say.pull.use", "ref", item.Ref)
		}
		return nil
	}), isOffer)
}
