package main

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"savoirs/node"
)

func addCmd(s *shell) *cobra.Command {
	var o node.AddOptions
	c := s.command("add", between(1, 1), func(cmd *cobra.Command, args []string) error {
		path, err := filepath.Abs(args[0]) // the node runs elsewhere in the tree
		if err != nil {
			return err
		}
		p := s.progress()
		item, err := s.client().Add(cmd.Context(), path, o, p.show)
		p.end()
		if err != nil {
			return err
		}
		if s.json {
			return s.object(item)
		}
		key := "say.add.done"
		if item.Existed {
			key = "say.add.existed"
		}
		s.line(key, "title", item.Title, "ref", item.Ref, "n", item.Files, "size", s.words.Bytes(item.Size))
		s.skipped(item)
		switch {
		case item.Passages > 0:
			s.tell("say.add.next", "ref", item.Ref, "n", item.Passages)
		case item.Kind == "dataset":
			s.tell("say.add.no_text")
		}
		return nil
	})
	f := c.Flags()
	f.StringVar(&o.Title, "title", "", s.say("flag.title"))
	f.StringVar(&o.Kind, "kind", "", s.say("flag.kind"))
	f.BoolVar(&o.InPlace, "in-place", false, s.say("flag.in-place"))
	return c
}

// skipped names the documents that could not be read: they are kept and
// travel, but nothing in them is found.
func (s *shell) skipped(item node.Item) {
	if len(item.Skipped) == 0 {
		return
	}
	s.tell("say.skipped", "n", len(item.Skipped))
	for _, k := range item.Skipped {
		s.tell("say.skipped_one", "path", k.Path, "reason", s.say("say.skip."+k.Code))
	}
}
